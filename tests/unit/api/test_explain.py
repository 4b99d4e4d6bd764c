"""Why a run is where it is, told in the words of each dialect: no state is without a reason."""

import re
from typing import Any, NamedTuple, get_args

import msgspec
import pytest
from hypothesis import given as forall
from tests.conformance.fits import documented

from mainspring.domain.execution import commands as c
from mainspring.domain.execution.explain import Because, explain, since
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import replace
from mainspring.testing.native_states import RUNS, STEPS
from mainspring.testing.player import Player
from mainspring.testing.shapes import again, approval, dag, needing, sleep, wait
from mainspring.testing.spec import START
from mainspring.testing.strategies import Life, lives, play
from mainspring_api.dialects.executions import explain as executions
from mainspring_api.dialects.native.insight import present as native
from mainspring_api.dialects.reasons import SHARED
from mainspring_api.dialects.sagas import explain as sagas


class Told(NamedTuple):
    """An explanation as one dialect sends it."""

    run: Any
    parts: list[Any]


def tellings(x: Execution) -> list[Told]:
    """Return how each dialect explains a run, as its clients read it."""
    why = explain(x)
    saga = sent(sagas.explanation(x, why))
    document = sent(executions.explanation(x, why))
    run = sent(native.explanation(x, why))
    return [
        Told(saga, saga.get("nodes", [])),
        Told(document, document["steps"]),
        Told(document["execution"], document["tasks"]),
        Told(run, run["steps"]),
    ]


def sent(told: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(told))


def either(told: Any, *names: str) -> Any:
    return next((told[name] for name in names if name in told), None)


def holds(x: Execution) -> None:
    """Hold each dialect to what all promise."""
    why = explain(x)
    for told in tellings(x):
        reason = either(told.run, "waiting_for", "waitingFor")
        assert (reason is None) == (why.waiting_for is None)
        assert told.run["text"]
        moved = either(told.run, "moved_by", "movedBy", "depends_on")
        wakes = either(told.run, "next_wake_up", "nextWakeUp")
        assert x.is_terminal or moved or wakes
        assert (either(told.run, "since") is None) == (reason is None)
        assert len(told.parts) == len(why.steps)
        for part, one in zip(told.parts, why.steps, strict=True):
            moves: Any = either(part, "moved_by", "movedBy") or []
            assert part["text"]
            assert part["status"]
            assert part["since"]
            assert moves or one.wake_at or one.cause.waiting_for in ("unwinding", "reach")
            assert all(each["text"] for each in moves)


@pytest.mark.parametrize("state", [*RUNS, *STEPS])
def test_every_state_is_explained_in_every_dialect(state: str):
    make = RUNS.get(state) or STEPS[state]
    holds(make().state)


@forall(lives())
def test_every_life_is_explained_in_every_dialect(life: Life):
    player = play(life)
    for decision in player.decisions[1:]:
        holds(decision.before)
    holds(player.x)


@forall(lives())
def test_nothing_waits_since_a_time_that_is_to_come(life: Life):
    x = play(life).x
    for one in explain(x).steps:
        begun = since(x, one)
        assert begun is not None
        assert begun <= x.updated_at


def test_each_reason_has_a_word_in_each_dialect():
    assert set(sagas.REASONS) == {word for part in get_args(Because) for word in get_args(part)}
    assert len(set(sagas.REASONS.values())) == len(sagas.REASONS)


def test_every_request_that_would_move_something_is_one_that_there_is():
    forms = [*SHARED.values(), *sagas.SAID.requests.values(), *executions.FLOW.requests.values()]
    forms += native.SAID.requests.values()
    for form in forms:
        verb, path = re.sub(r"\{\w+\}", "x", form).split()
        assert documented(verb, path), form


def played(*steps: Any, **more: Any) -> Player:
    player = Player(dag(*steps, **more), payload={"key": "order/7"})
    player.advance()
    return player


def test_a_part_waits_since_what_it_waits_for_has_begun():
    player = played(
        needing("a", retry=again(3, delay=8.0)),
        sleep("s", 50.0),
        wait("w", "k"),
        approval("ok"),
        needing("z", "a"),
        needing("y", "q"),
        replace(needing("q"), concurrency_key="k"),
        replace(needing("p", "v"), concurrency_key="k"),
        needing("v"),
    )
    player.pass_time(2.0)
    player.answers(next(task.call for task in player.in_flight() if task.call.ref == "v"))
    player.pass_time(1.0)
    player.answers(player.in_flight()[0].call, 500)
    found = {one.ref: since(player.x, one) for one in explain(player.x).steps}
    assert found == {
        "a": START + 3.0,
        "s": START,
        "w": START,
        "ok": START,
        "z": START,
        "y": START,
        "q": START,
        "p": START + 2.0,
    }


def test_what_a_pause_holds_is_moved_by_who_resumes():
    player = played(sleep("s", 50.0))
    player.ask(c.RequestPause())
    player.advance()
    for told in tellings(player.x):
        [part] = told.parts
        [mover] = either(part, "moved_by", "movedBy")
        assert mover["role"] == "operator"
        assert mover["request"].endswith(f"{player.x.id}/resume")


def test_names_in_requests_are_written_as_paths_take_them():
    player = played(wait("w", "order/{{payload.key}}"))
    for told in tellings(player.x):
        [part] = told.parts
        [mover] = either(part, "moved_by", "movedBy")
        assert mover["request"] == "POST /v1/events/order%2Forder%2F7/send"
