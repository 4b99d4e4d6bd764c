"""A step that calls a plugin: what is handed out, what becomes of its report, what it said."""

from typing import Any

from mainspring.domain.definition import Plugin
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.message import Json, replace
from mainspring.domain.task import CallId, Logged, LogLine
from mainspring.testing.player import Player
from mainspring.testing.shapes import again, dag, path, task, work


def begun(*steps: Any, payload: Json = None, **more: Any) -> Player:
    player = Player(replace(path(*steps), **more), payload=payload)
    player.advance()
    return player


def kinds(events: list[e.Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_task_carries_the_plugin_and_what_its_input_names() -> None:
    player = begun(work("a", {"n": "{{payload.n}}"}), payload={"n": 1, "other": 2})
    [made] = player.in_flight()
    assert made.request is None
    assert made.plugin == Plugin("test.work", {"n": "{{payload.n}}"})
    assert made.values == {"payload": {"n": 1}}
    assert made.idempotency_key == f"{player.x.id}:up:a:1"


def test_a_task_says_in_which_language_its_templates_are() -> None:
    step = work("a", {"n": "{{ payload.n + 1 }}", "rate": "{{ kv('rate') }}"})
    player = begun(step, payload={"n": 1, "other": 2}, language="jinja")
    [made] = player.in_flight()
    assert (made.language, made.values) == ("jinja", {"payload": {"n": 1}})


def test_a_request_stays_in_its_own_language() -> None:
    player = begun(task("a"), language="jinja")
    assert player.in_flight()[0].language == "mustache"


def test_a_task_whose_names_cannot_be_known_carries_all_there_is() -> None:
    step = work("a", {"n": "{{ outputs[payload.name] }}"})
    player = begun(step, payload={"name": "x"}, language="jinja")
    values: Any = player.in_flight()[0].values
    assert values["payload"] == {"name": "x"}
    assert "outputs" in values


def test_the_output_of_a_plugin_is_the_steps_output_and_stands_once_in_the_log() -> None:
    player = begun(work("a"))
    events = player.works(player.in_flight()[0].call, {"n": 1})
    done = next(event for event in events if isinstance(event, e.StepSucceeded))
    assert done.output == {"n": 1}
    assert done.exchange is not None
    assert (done.exchange.verb, done.exchange.url, done.exchange.body) == (
        "PLUGIN",
        "test.work",
        None,
    )
    assert player.x.status == "succeeded"


def test_the_reason_of_a_failure_is_the_plugins_message() -> None:
    player = begun(work("a"))
    events = player.works(player.in_flight()[0].call, {"left": 1}, failure="no such order")
    failed = next(event for event in events if isinstance(event, e.StepFailed))
    assert (failed.reason, failed.fault, failed.retry_at) == ("no such order", "failed", None)
    assert failed.exchange is not None
    assert failed.exchange.body == {"left": 1}


def test_a_failure_is_tried_again_by_the_policy_unless_it_is_final() -> None:
    step = work("a", retry=again(1, delay=1.0))
    player = begun(step)
    player.works(player.in_flight()[0].call, failure="it slipped")
    assert player.x.steps["a"].status == "retrying"
    player.jump()
    player.advance()
    player.works(player.in_flight()[0].call, failure="it slipped", final=True)
    assert player.x.steps["a"].status == "failed"
    player = begun(step)
    player.works(player.in_flight()[0].call, failure="it never will", final=True)
    assert player.x.steps["a"].status == "failed"


def test_lines_stand_before_the_outcome() -> None:
    player = begun(work("a"))
    events = player.works(player.in_flight()[0].call, says=("one", "two"))
    assert kinds(events) == ["StepStarted", "StepLogged", "StepSucceeded", "ExecutionSucceeded"]
    logged = events[1]
    assert isinstance(logged, e.StepLogged)
    assert [line.message for line in logged.lines] == ["one", "two"]


def test_lines_of_a_call_under_way_lead_to_nothing_else() -> None:
    player = begun(work("a"))
    call = player.in_flight()[0].call
    assert kinds(player.says(call, "one")) == ["StepStarted", "StepLogged"]
    player.pass_time(1.0)
    before = len(player.tasks)
    assert kinds(player.says(call, "two")) == ["StepLogged"]
    assert len(player.tasks) == before
    assert player.x.handled == player.x.version


def lines(*instants: float) -> tuple[LogLine, ...]:
    return tuple(LogLine(at, "INFO", f"at {at}") for at in instants)


def give(player: Player, report: Logged) -> list[e.Event]:
    command = c.RecordReport(report=report, now=player.now, seed="s")
    return player._give(command)  # pyright: ignore[reportPrivateUsage]


def test_a_report_of_lines_that_comes_again_changes_nothing() -> None:
    player = begun(work("a"))
    report = Logged(player.in_flight()[0].call, lines(10.0, 11.0))
    give(player, report)
    assert give(player, report) == []


def test_of_lines_that_come_again_with_more_only_the_new_ones_are_kept() -> None:
    player = begun(work("a"))
    call = player.in_flight()[0].call
    give(player, Logged(call, lines(10.0, 11.0)))
    [event] = give(player, Logged(call, lines(11.0, 12.0)))
    assert isinstance(event, e.StepLogged)
    assert [line.at for line in event.lines] == [12.0]


def test_lines_of_an_earlier_attempt_change_nothing() -> None:
    player = begun(work("a", retry=again(1, delay=1.0)))
    call = player.in_flight()[0].call
    player.works(call, failure="it slipped")
    assert give(player, Logged(call, lines(player.now + 1))) == []
    player.jump()
    player.advance()
    assert give(player, Logged(call, lines(player.now + 1))) == []
    second = CallId(call.execution, "a", attempt=2)
    assert kinds(give(player, Logged(second, lines(1.0)))) == ["StepStarted", "StepLogged"]


def test_lines_of_a_step_that_is_over_change_nothing() -> None:
    player = begun(work("a"))
    call = player.in_flight()[0].call
    player.works(call, {})
    assert give(player, Logged(call, lines(player.now + 1))) == []


def test_a_canceled_run_stops_its_plugins_and_keeps_what_they_said() -> None:
    player = Player(dag(work("a")))
    player.advance()
    call = player.in_flight()[0].call
    player.ask(c.RequestCancel(reason="enough"))
    player.advance()
    made = player.works(call, failure="stopped", says=("goodbye",))
    assert "StepLogged" in kinds(made)
    assert player.x.status == "canceled"
