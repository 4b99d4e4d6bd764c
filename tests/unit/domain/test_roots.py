"""What expressions see of a run under the engine's own names."""

from typing import Any

import pytest

from mainspring.domain.definition import Definition
from mainspring.domain.execution.context import Viewpoint, values
from mainspring.domain.identity import step_run_id
from mainspring.domain.message import Json, replace
from mainspring.testing.player import Player
from mainspring.testing.shapes import dag, work

VIEW = Viewpoint(step="b", attempt=2)


def played(definition: Definition, payload: Json = None) -> Player:
    player = Player(definition, payload=payload)
    player.advance()
    return player


def seen(player: Player, name: str) -> Json:
    """Return what stands at a dotted name."""
    path = tuple(name.split("."))
    found: Any = values(player.x, [path], VIEW)
    for part in path:
        found = found[part]
    return found


def works(player: Player, output: Json = None, **how: Any) -> None:
    player.works(player.in_flight()[0].call, output, **how)


def chain(**more: Any) -> Definition:
    steps = (work("a", on_failure="continue"), work("b", needs=("a",)))
    return replace(dag(*steps), **more)


def test_outputs_are_those_of_the_steps_that_have_succeeded() -> None:
    player = played(chain())
    assert seen(player, "outputs") == {}
    works(player, {"n": 1})
    assert seen(player, "outputs.a.n") == 1
    assert values(player.x, [("outputs", "b")], VIEW) == {}


def test_a_step_tells_its_error_only_when_it_has_failed() -> None:
    player = played(chain())
    works(player, {"left": 1}, failure="it broke")
    assert seen(player, "steps.a") == {
        "output": {"left": 1},
        "status": "failed",
        "error": "it broke",
    }
    works(player, {"n": 2})
    assert seen(player, "steps.b") == {"output": {"n": 2}, "status": "succeeded", "error": None}


def test_a_failed_step_that_left_nothing_has_an_empty_output() -> None:
    player = played(chain())
    works(player, failure="it broke")
    assert seen(player, "steps.a.output") == {}


def test_variables_are_the_definitions_own() -> None:
    player = played(chain(vars={"region": "eu"}))
    assert seen(player, "vars.region") == "eu"


def test_an_alias_leads_into_a_root() -> None:
    aliases = {"inputs": "payload.inputs", "execution": "run", "task": "call"}
    player = played(chain(aliases=aliases), {"inputs": {"n": 1}})
    assert seen(player, "inputs.n") == 1
    assert seen(player, "execution.id") == player.x.id
    told = {"step": "b", "name": "b", "type": "", "phase": "UP", "attempt": 2}
    assert seen(player, "task") == {**told, "id": step_run_id(player.x.id, "b")}
    assert seen(player, "task.attempt") == 2


@pytest.mark.parametrize(("version", "revision"), [("12", 12), ("v2", "v2")])
def test_a_flow_tells_its_revision_as_a_number_where_it_is_one(
    version: str, revision: Json
) -> None:
    player = played(chain(name="orders", version=version))
    flow = seen(player, "flow")
    assert (flow["name"], flow["namespace"], flow["revision"]) == ("orders", "default", revision)


def test_a_run_tells_when_it_began_and_who_it_is() -> None:
    player = played(chain(name="orders", version="3"))
    run = seen(player, "run")
    assert (run["workflow_name"], run["workflow_version"]) == ("orders", "3")
    assert run["started_at"] == "2026-11-18T11:06:40.000Z"
    assert (run["error"], run["failed_step"]) == (None, None)


def test_a_run_that_failed_tells_how_in_the_dialects_word() -> None:
    after = work("tell", {"all": "{{run}}"}, after=("failed",))
    steps = (work("a", on_failure="continue"), work("b", needs=("a",)), after)
    player = played(replace(dag(*steps), words={"failed": "FAILED"}))
    works(player, failure="passed over")
    player.pass_time(2.5)
    works(player, failure="it broke")
    player.pass_time(10.0)
    told: Any = player.in_flight()[0].values
    for run in (told["run"], seen(player, "run")):
        assert run["status"] == "FAILED"
        assert run["failed_step"] == "b"
        assert run["error"] == "b: it broke"
        assert run["duration_ms"] == 2500


def test_what_comes_after_the_work_changes_nothing_of_how_it_ended() -> None:
    steps = (work("a"), work("tell", after=("succeeded",)))
    player = played(replace(dag(*steps), words={"succeeded": "SUCCESS"}))
    works(player, {})
    assert seen(player, "run.status") == "SUCCESS"
    player.pass_time(5.0)
    works(player, failure="nobody listens")
    assert (seen(player, "run.status"), seen(player, "run.failed_step")) == ("SUCCESS", None)


def test_no_more_of_a_run_is_gathered_than_is_named() -> None:
    player = played(chain())
    assert values(player.x, [("run", "id")], VIEW) == {"run": {"id": player.x.id}}
