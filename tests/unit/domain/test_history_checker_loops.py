"""The laws of loops: a good history keeps them, mutants do not."""

from collections.abc import Callable, Sequence

import pytest

from mainspring.domain import catalog
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import EMPTY, Envelope, Meta, StreamId, head_of, seal
from mainspring.domain.execution import events as e
from mainspring.domain.message import replace
from mainspring.testing.history import check, report
from mainspring.testing.loops import LAWS
from mainspring.testing.shapes import dag, each, needing, task
from mainspring.testing.spec import EXECUTION, START, requested

Events = list[e.Event]
PLAIN = dag(each("all", [1, 2], task("do")))


def scheduled(ref: str) -> list[e.Event]:
    return [e.StepScheduled(ref=ref, at=START), e.StepStarted(ref=ref, attempt=1, at=START)]


def done(ref: str, **fields: object) -> list[e.Event]:
    return [*scheduled(ref), e.StepSucceeded(ref=ref, at=START, **fields)]  # type: ignore[arg-type]


def failed(ref: str) -> list[e.Event]:
    return [*scheduled(ref), e.StepFailed(ref=ref, reason="no", at=START)]


FANNED: Sequence[e.Event] = (
    e.ExecutionStarted(at=START),
    e.StepFannedOut(ref="all", items=(1, 2), at=START),
)
OUTPUT = {"results": [None, None], "count": 2, "failed": 0}
GATHERED: Sequence[e.Event] = (
    e.StepSucceeded(ref="all", output=OUTPUT, at=START),
    e.ExecutionSucceeded(result="all", at=START),
)


def laws_broken(events: Sequence[e.Event], definition: Definition = PLAIN) -> set[str]:
    log: list[Envelope] = []
    compiled = StreamId("compiled", definition.hash)
    form = catalog.DefinitionCompiled(definition=definition)
    log += seal(compiled, EMPTY, [form], meta=Meta(), project="", now=START)
    head = EMPTY
    for event in (requested(definition), *events):
        (one,) = seal(
            StreamId("execution", EXECUTION),
            head,
            [event],
            meta=Meta(),
            project="default",
            now=START,
        )
        head = head_of(one)
        log.append(one)
    placed = [replace(one, position=n) for n, one in enumerate(log, 1)]
    return {one.law for one in check(placed)}


def test_a_good_history_has_no_violation():
    good = [*FANNED, *done("all[0].do"), *done("all[1].do"), *GATHERED]
    assert laws_broken(good) == set(), report([])


def beside_another() -> Events:
    """Begin a second item beside the first one."""
    return [*FANNED, *scheduled("all[0].do"), *scheduled("all[1].do")]


def out_of_order() -> Events:
    """Begin the second item before the first one."""
    return [*FANNED, *done("all[1].do"), *done("all[0].do"), *GATHERED]


def before_the_loop() -> Events:
    """Begin an item of a loop that has ended."""
    rest = done("all[0].do")
    return [*FANNED, *done("all[0].do"), *done("all[1].do"), GATHERED[0], *rest]


def too_soon() -> Events:
    """End the loop before all its items."""
    return [*FANNED, *done("all[0].do"), *GATHERED]


def in_spite_of_a_failure() -> Events:
    """End the loop well where an item has failed."""
    return [*FANNED, *failed("all[0].do"), *done("all[1].do"), *GATHERED]


def without_a_failure() -> Events:
    """End the loop badly where all items went well."""
    bad = e.StepFailed(ref="all", reason="no", fault="items", at=START)
    return [*FANNED, *done("all[0].do"), *done("all[1].do"), bad]


def before_any_failure() -> Events:
    """End the loop badly where an item is still to be done."""
    bad = e.StepFailed(ref="all", reason="no", fault="items", at=START)
    return [*FANNED, *done("all[0].do"), bad]


def with_another_output() -> Events:
    """End the loop with the results of fewer items than it had."""
    wrong = e.StepSucceeded(ref="all", output={"results": [None], "count": 1}, at=START)
    return [*FANNED, *done("all[0].do"), *done("all[1].do"), wrong]


def after_a_failure() -> Events:
    """Begin another step of an item that has failed."""
    return [*FANNED, *failed("all[0].do"), *scheduled("all[0].more")]


def after_failing_fast() -> Events:
    """Begin another item where the first failure was to be the last."""
    return [*FANNED, *failed("all[0].do"), *scheduled("all[1].do")]


TWO = dag(each("all", [1, 2], needing("do"), needing("more")))
FAST = dag(each("all", [1, 2], task("do"), fail_fast=True))
SPOILED: list[tuple[Callable[[], Events], Definition]] = [
    (beside_another, PLAIN),
    (out_of_order, PLAIN),
    (before_the_loop, PLAIN),
    (too_soon, PLAIN),
    (in_spite_of_a_failure, PLAIN),
    (without_a_failure, PLAIN),
    (before_any_failure, PLAIN),
    (with_another_output, PLAIN),
    (after_a_failure, TWO),
    (after_failing_fast, FAST),
]


@pytest.mark.parametrize(
    ("spoil", "definition"), SPOILED, ids=[spoil.__name__ for spoil, _ in SPOILED]
)
def test_a_spoiled_loop_breaks_its_law(spoil: Callable[[], Events], definition: Definition):
    assert set(LAWS) <= laws_broken(spoil(), definition)
