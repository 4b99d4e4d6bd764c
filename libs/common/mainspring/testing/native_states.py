"""A workflow run and a step in every state that the native dialect has a word for.

Each is a short life of its own, told to the decider.  A run has a step `done` that comes first, one
`held` that waits, and one `later`.  A step that stands for its kind is called `s`; beside it `hold`
waits, so that the run goes on when `s` has ended.  The rival, states that are put together by hand,
would let the tables speak of what no run can come to.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from mainspring.domain.definition import Step
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import replace
from mainspring.testing.shapes import again, approval, child, dag, needing, sleep, wait
from mainspring.testing.spec import (
    START,
    Asking,
    Spec,
    advance,
    answers,
    breaks,
    given,
    starts,
)

Make: TypeAlias = Callable[[], Spec]
LIMIT: Final = 60.0
NAP: Final = 50.0
FAIL_HELD: Final = c.FailStep(ref="held", reason="no use", now=START)


def _three(*, undo: bool = False, max_runs: int | None = None, limit: float | None = None) -> Spec:
    definition = dag(
        needing("done", undo=undo),
        wait("held", "key"),
        needing("later", "done", "held"),
        max_runs=max_runs,
        run_timeout=limit,
    )
    return given(definition).when(advance())


def _going(*, undo: bool = False, limit: float | None = None) -> Spec:
    return _three(undo=undo, limit=limit).when(answers("done"))


def _failing() -> Spec:
    return _going(undo=True).when(FAIL_HELD).when(advance())


def _completed() -> Spec:
    skip = c.SkipStep(ref="held", now=START)
    return _going().when(skip).when(advance()).when(answers("later"))


RUNS: Final[Mapping[str, Make]] = {
    "pending": lambda: _three(max_runs=1),
    "running": _going,
    "paused": lambda: _going().when(c.RequestPause()),
    "completed": _completed,
    "failed": lambda: _going().when(FAIL_HELD).when(advance()),
    "timed_out": lambda: _going(limit=LIMIT).when(advance(), at=LIMIT),
    "canceled": lambda: _going().when(c.RequestCancel()).when(advance()),
    "compensating (it failed)": _failing,
    "compensating (it is canceled)": lambda: (
        _going(undo=True).when(c.RequestCancel()).when(advance())
    ),
    "compensated": lambda: _failing().when(answers("done", phase="down")),
    "compensation_failed": lambda: _failing().when(answers("done", 500, phase="down")),
}

KINDS: Final[Mapping[str, Step]] = {
    "http": needing("s", on_failure="continue", retry=again(1, delay=LIMIT)),
    "wait_for_event": wait("s", "key", on_failure="continue"),
    "approval": approval("s", on_failure="continue"),
    "sleep": sleep("s", NAP, on_failure="continue"),
    "sub_workflow": child("s", on_failure="continue"),
}


def _pending(kind: str) -> Spec:
    step = replace(KINDS[kind], needs=("gate",))
    return given(dag(wait("gate", "gate"), step)).when(advance())


def _begun(kind: str, **fields: object) -> Spec:
    step = replace(KINDS[kind], **fields)
    return given(dag(step, wait("hold", "hold"))).when(advance())


def _skipped(kind: str) -> Spec:
    step = replace(KINDS[kind], when=needing("s", when=False).when)
    return given(dag(step, wait("hold", "hold"))).when(advance())


def _child(status: c.ChildStatus) -> Asking:
    def ask(x: Execution, now: float) -> c.Command:
        return c.RecordChild(ref="s", visit=1, attempt=1, status=status, now=now, seed="spec")

    return ask


def _sends(x: Execution, now: float) -> c.Command:
    return c.SendEvent(ref="s", visit=1, attempt=1, now=now)


def _completes(kind: str) -> Spec:
    spec = _begun(kind)
    match kind:
        case "http":
            return spec.when(answers("s"))
        case "wait_for_event":
            return spec.when(_sends).when(advance())
        case "approval":
            return spec.when(c.Approve(ref="s", actor="ann", now=START)).when(advance())
        case "sleep":
            return spec.when(advance(), at=NAP)
        case _:
            return spec.when(_child("succeeded"))


def _fails(kind: str) -> Spec:
    match kind:
        case "http":
            return _begun(kind, retry=again(0)).when(answers("s", 500))
        case "sub_workflow":
            return _begun(kind).when(_child("failed"))
        case "approval":
            refusal = c.Reject(ref="s", actor="ann", now=START)
            return _begun(kind).when(refusal).when(advance())
        case _:
            return _begun(kind).when(c.FailStep(ref="s", now=START)).when(advance())


def _canceled(kind: str) -> Spec:
    spec = _begun(kind).when(c.RequestCancel()).when(advance())
    match kind:
        case "http":
            return spec.when(breaks("s", "canceled"))
        case "sub_workflow":
            return spec.when(_child("canceled"))
        case _:
            return spec


def _of_each(status: str, make: Callable[[str], Spec]) -> dict[str, Make]:
    return {f"{status} ({kind})": partial(make, kind) for kind in KINDS}


STEPS: Final[Mapping[str, Make]] = {
    **_of_each("pending", _pending),
    "running (http)": lambda: _begun("http").when(starts("s")),
    "running (http, between two tries)": lambda: _begun("http").when(answers("s", 500)),
    "running (sub_workflow)": lambda: _begun("sub_workflow"),
    "waiting (wait_for_event)": lambda: _begun("wait_for_event"),
    "waiting (approval)": lambda: _begun("approval"),
    "waiting (sleep)": lambda: _begun("sleep"),
    **_of_each("completed", _completes),
    **_of_each("failed", _fails),
    **_of_each("skipped", _skipped),
    **_of_each("canceled", _canceled),
}
