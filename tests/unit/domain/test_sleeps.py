"""A sleep ends at its instant, never before, or by a wake; a wake is asked for once."""

import pytest

from mainspring.domain.definition import Step
from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.domain.execution import events as e
from mainspring.domain.execution.commands import (
    RequestCancel,
    RequestPause,
    RequestResume,
    RequestStepReset,
    RequestWake,
)
from mainspring.domain.message import Json, replace
from mainspring.testing.shapes import dag, join, needing, path, sleep, split, task
from mainspring.testing.spec import START, Spec, advance, answers, given, has

WAKE = RequestWake()


def pausing(length: Json) -> Step:
    return sleep("s", duration=None, pause=length)


def asleep() -> Spec:
    return given(path(sleep("s", 10.0), task("a"))).when(advance())


def two_asleep() -> Spec:
    definition = path(
        split("f", "s1", "s2", join="j"),
        sleep("s1", 10.0, next="j"),
        sleep("s2", 20.0, next="j"),
        join("j"),
        task("a"),
    )
    return given(definition).when(advance())


def test_a_sleep_begins_with_the_instant_of_its_end():
    asleep().then(has(e.ExecutionStarted), has(e.StepSlept, ref="s", wake_at=START + 10))


def test_a_sleep_until_an_instant_ends_then():
    definition = path(sleep("s", duration=None, until=START + 7), task("a"))
    given(definition).when(advance()).then_has(has(e.StepSlept, wake_at=START + 7))


def test_a_sleep_until_an_instant_that_has_passed_ends_at_once():
    definition = path(sleep("s", duration=None, until=START - 7), task("a"))
    given(definition).when(advance()).then_has(
        has(e.StepSlept), has(e.StepSucceeded, ref="s"), has(e.StepScheduled, ref="a")
    )


@pytest.mark.parametrize(
    ("length", "seconds"),
    [
        (90, 90.0),
        (0.5, 0.5),
        (0, 0.0),
        ("90", 90.0),
        ("90s", 90.0),
        ("1h30m", 5400.0),
        (" 250ms ", 0.25),
        ("PT1H30M", 5400.0),
        ("P1DT2S", 86402.0),
    ],
)
def test_a_sleep_lasts_as_long_as_its_template_says(length: Json, seconds: float):
    spec = given(path(pausing("{{payload.long}}")), payload={"long": length}).when(advance())
    spec.then_has(has(e.StepSlept, ref="s", wake_at=START + seconds))


@pytest.mark.parametrize(
    "instant", ["2026-12-01T10:00:00Z", "2026-12-01T11:00:00+01:00", "2026-12-01T10:00:00.000Z"]
)
def test_a_sleep_lasts_until_the_instant_that_its_template_says(instant: str):
    spec = given(path(pausing("{{payload.at}}")), payload={"at": instant}).when(advance())
    spec.then_has(has(e.StepSlept, ref="s", wake_at=1_796_119_200.0))


@pytest.mark.parametrize(
    "length",
    [
        -1,
        True,
        "",
        "soon",
        "1x",
        "P",
        "PT",
        "-5s",
        None,
        [],
        {"s": 1},
        1e300,
        "2026-12-01T10:00:00",
    ],
)
def test_a_sleep_without_an_end_fails_with_the_reason(length: Json):
    spec = given(dag(pausing("{{payload.long}}")), payload={"long": length}).when(advance())
    spec.then_has(has(e.StepFailed, ref="s", fault="expression", retry_at=None))
    spec.then_is("failed").then_not(e.StepSlept)
    assert "its sleep has no end" in str(spec.state.reason)


def test_a_sleep_that_is_begun_anew_reads_its_length_anew():
    first = needing("a", on_failure="continue")
    steps = (first, replace(pausing("{{nodes.a.response.body}}"), needs=("a",)))
    spec = given(dag(*steps)).when(advance()).when(answers("a", 200, "soon"))
    spec = spec.then_has(has(e.StepFailed, ref="s"), has(e.ExecutionFailed))
    spec = spec.when(RequestStepReset(ref="a", subtree=True)).when(advance())
    spec.when(answers("a", 200, "20s")).then_has(has(e.StepSlept, ref="s", wake_at=START + 20))


def test_a_sleep_is_never_early():
    asleep().when(advance(), at=9.999).then_nothing().when(advance(), at=10.0).then(
        has(e.StepSucceeded, ref="s"), has(e.StepScheduled, ref="a")
    )


def test_a_wake_ends_a_sleep_early():
    (
        asleep()
        .when(WAKE, at=1.0)
        .then(e.WakeRequested())
        .when(advance(), at=1.0)
        .then(
            has(e.StepSucceeded, ref="s", output={"wokenAt": START + 1, "sleptMs": 1000}),
            has(e.StepScheduled, ref="a"),
        )
    )


def test_a_second_wake_says_nothing_before_and_after_it_is_decided():
    woken = asleep().when(WAKE).when(WAKE).then_nothing()
    woken.when(advance()).when(WAKE).then_nothing()


def test_a_run_that_was_never_asleep_refuses_a_wake():
    given(path(task("a"))).when(advance()).when(WAKE).then_raises(IllegalTransition, "running")


def test_a_sleep_that_ended_by_itself_refuses_a_wake():
    asleep().when(advance(), at=10.0).when(WAKE).then_raises(IllegalTransition, "not sleeping")


def test_a_run_that_has_ended_refuses_a_wake():
    over = asleep().when(WAKE).when(advance()).when(answers("a")).then_is("succeeded")
    over.when(WAKE).then_raises(IllegalTransition, "succeeded")


def test_a_wake_of_an_unknown_step_finds_nothing():
    asleep().when(RequestWake(ref="nope")).then_raises(NotFound, "nope")


def test_a_wake_by_name_wakes_that_sleep_alone():
    spec = two_asleep().when(RequestWake(ref="s2")).when(advance(), at=1.0)
    spec.then(has(e.StepSucceeded, ref="s2")).step_is("s1", "sleeping")


def test_a_wake_without_a_name_wakes_every_sleep():
    two_asleep().when(WAKE).when(advance(), at=1.0).then_has(
        has(e.StepSucceeded, ref="s1"), has(e.StepSucceeded, ref="s2"), has(e.StepScheduled)
    )


def test_a_step_that_is_no_sleep_refuses_a_wake_by_name_even_after_another_was_woken():
    spec = two_asleep().when(RequestWake(ref="s2")).when(advance(), at=1.0)
    spec.when(RequestWake(ref="a")).then_raises(IllegalTransition, "not sleeping")


def test_a_later_sleep_is_not_woken_by_an_earlier_wake():
    spec = given(path(sleep("s1"), sleep("s2"), task("a"))).when(advance()).when(WAKE)
    spec = spec.when(advance()).then(has(e.StepSucceeded, ref="s1"), has(e.StepSlept, ref="s2"))
    spec.when(advance(), at=9.0).then_nothing().when(WAKE, at=9.0).then(e.WakeRequested())


def test_a_wake_while_paused_takes_effect_at_resume():
    spec = asleep().when(RequestPause()).when(WAKE).then(e.WakeRequested())
    spec = spec.when(advance(), at=1.0).then_nothing().when(RequestResume())
    spec.when(advance(), at=1.0).then_has(has(e.StepSucceeded, ref="s"))


def test_a_cancel_closes_a_sleep_without_waiting():
    asleep().when(RequestCancel()).when(advance()).then(
        has(e.UnwindingStarted, outcome="canceled"),
        has(e.StepCanceled, ref="s"),
        has(e.ExecutionCanceled),
    )


@pytest.mark.parametrize("order", [("s1", "s2"), ("s2", "s1")])
def test_sleeps_that_are_due_together_end_in_the_order_in_which_they_fell_due(
    order: tuple[str, str],
):
    first, second = order
    definition = path(
        split("f", "s1", "s2", join="j"),
        sleep("s1", 1.0 if first == "s1" else 2.0, next="j"),
        sleep("s2", 1.0 if first == "s2" else 2.0, next="j"),
        join("j"),
    )
    given(definition).when(advance()).when(advance(), at=5.0).then_has(
        has(e.StepSucceeded, ref=first), has(e.StepSucceeded, ref=second)
    )
