"""What holds between runs: parents and the children that they start, runs and their retries.

The other books know one stream; these know several, by what each said when it ended.  Of a child
only its ends are kept, and they are dropped when its parent is over; of a run that may be retried
its ended states are asked for when a retry speaks of it, so memory does not grow with the log.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from mainspring.domain.execution import events as e
from mainspring.domain.execution.expansion import place_of
from mainspring.domain.execution.kept import FROM_STEP, RETRIED
from mainspring.domain.execution.requests import descendants
from mainspring.domain.execution.settling import same
from mainspring.domain.execution.state import Execution
from mainspring.domain.execution.waits import child_of_attempt, given, given_by, is_tolerated
from mainspring.domain.message import Json
from mainspring.testing.fault import Fault

LAWS: Final[Mapping[str, str]] = {
    "child": "a child is its parent's step's, ends before its parent unless that lets it go, and "
    "tells it once how",
    "retry": "a run that retries another keeps what that one had done; one anew keeps nothing",
}

Ended = Callable[[str], Iterable[Execution]]
"""The states in which a run has ended so far."""


class End(NamedTuple):
    """How a child ended once, and what it gives to its parent."""

    status: str
    output: Json


class Child(msgspec.Struct):
    """A run that another one has started; it may be reopened, and then ends again."""

    parent: str
    ref: str
    ends: list[End] = []
    told: bool = False


class Kinship:
    """The families of a log.  `note` enters the next event, with the state after it."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._children: dict[str, Child] = {}
        self._of: dict[str, list[str]] = {}

    def note(self, id: str, event: e.Event, after: Execution) -> Iterator[Fault]:
        """Enter an event of the run `id`; yield the laws that it breaks."""
        match event:
            case e.ExecutionRequested():
                yield from self._requested(id, event)
            case e.StepSucceeded() if event.phase == "up":
                yield from self._succeeded(id, event, after)
            case e.StepFailed(fault="child"):
                yield from self._failed(id, event, after)
            case _ if isinstance(event, e.Terminal):
                yield from self._end(id, after)
            case _:
                pass

    def started(self, parent: Execution, child: str, ref: str) -> Iterator[Fault]:
        """Judge that a child is what a step of its parent has started."""
        state = parent.of(ref)
        if ref not in parent.definition.by_ref:
            yield Fault("child", f"{parent.id} has no step {ref}")
            return
        attempts = range(1, state.attempt + 1) if state is not None else ()
        visits = range(1, state.visit + 1) if state is not None else ()
        own = {child_of_attempt(parent, ref, visit, n) for visit in visits for n in attempts}
        if child not in own:
            yield Fault("child", f"no attempt of {ref} of {parent.id} has started it")

    def forget(self, id: str) -> None:
        """Let go of the children of a run that is over."""
        for child in self._of.pop(id, ()):
            self._children.pop(child, None)

    def _requested(self, id: str, event: e.ExecutionRequested) -> Iterator[Fault]:
        if event.parent is not None:
            self._children[id] = Child(event.parent, event.parent_step or "", [])
            self._of.setdefault(event.parent, []).append(id)
        if event.retry_of is not None:
            yield from self._retries(event, event.retry_of)

    def _retries(self, event: e.ExecutionRequested, retried: str) -> Iterator[Fault]:
        ends = [x for x in self._ended(retried) if x.status in RETRIED]
        if not ends:
            yield Fault("retry", f"{retried} has not ended in a way that is retried")
        elif event.triggered_by == "rerun":
            if event.kept:
                yield Fault("retry", f"it begins anew and keeps {sorted(event.kept)}")
        elif not any(_keeps(event, x) for x in ends):
            done = {ref: done.output for ref, done in _done(ends[-1]).items()}
            kept = {ref: kept.output for ref, kept in event.kept.items()}
            yield Fault("retry", f"it keeps {kept}, where {retried} had done {done}")

    def _succeeded(self, id: str, event: e.StepSucceeded, after: Execution) -> Iterator[Fault]:
        asked = after.requested
        kept = asked.kept.get(event.ref) if asked is not None and event.attempt == 0 else None
        if kept is not None and not same(kept.output, event.output):
            yield Fault("retry", f"the output of {event.ref} is not what was kept")
        step = after.definition.by_ref.get(event.ref)
        if kept is not None or step is None or step.child is None or _is_forced(event, after):
            return
        yield from self._told(id, event, "succeeded", after)

    def _failed(self, id: str, event: e.StepFailed, after: Execution) -> Iterator[Fault]:
        if event.ref not in after.definition.by_ref or _is_let_go(after, event.ref):
            return  # of one that is let go a failure only says that it was not there by then
        if child_of_attempt(after, event.ref, event.visit, event.attempt) in self._children:
            yield from self._told(id, event, "failed", after)

    def _told(
        self, id: str, event: e.StepSucceeded | e.StepFailed, how: str, after: Execution
    ) -> Iterator[Fault]:
        """Judge what a parent has recorded of the end of its child."""
        name = child_of_attempt(after, event.ref, event.visit, event.attempt)
        child = self._children.get(name)
        if child is None:
            yield Fault("child", f"{event.ref} {how}, and its child {name} never began")
            return
        # One that is let go is the same for all attempts of its step: a reset finds it there.
        if child.told and not _is_let_go(after, event.ref):
            yield Fault("child", f"{event.ref} is told for a second time what {name} came to")
        child.told = True
        if _is_let_go(after, event.ref):
            if not same(given_by(after, event.ref, name, {}), event.output):
                yield Fault("child", f"{event.ref} says more of {name} than that it has begun")
            return
        good = [end for end in child.ends if _is_good(after, event.ref, end)]
        if isinstance(event, e.StepFailed):
            if len(good) == len(child.ends):
                yield Fault("child", f"{event.ref} failed, and {name} has not")
        elif not any(
            same(given_by(after, event.ref, name, end.output, end.status), event.output)
            for end in good
        ):
            yield Fault("child", f"{event.ref} succeeded with what {name} did not give")

    def _end(self, id: str, after: Execution) -> Iterator[Fault]:
        child = self._children.get(id)
        if child is not None:
            child.ends.append(End(after.status, given(after)))
        for name in self._of.get(id, ()):
            kin = self._children[name]
            if not kin.ends and not _is_let_go(after, kin.ref):
                yield Fault("child", f"it ends, and its child {name} has not")


def _is_let_go(x: Execution, ref: str) -> bool:
    """Say whether a step does not wait for the run that it starts."""
    step = x.definition.by_ref.get(ref)
    return step is not None and step.child is not None and step.child.begun is not None


def _is_good(x: Execution, ref: str, end: End) -> bool:
    return end.status == "succeeded" or is_tolerated(x, ref, end.status)


def _done(x: Execution) -> dict[str, e.Kept]:
    """Return what a run has done and not undone; what comes after its work is none of it."""
    return {
        state.ref: e.Kept(output=state.output, exchange=state.exchange)
        for state in x.steps.values()
        if state.phase == "up"
        and state.status == "succeeded"
        and x.of(state.ref, "down") is None
        and place_of(state.ref) is None
        and not x.step(state.ref).after
        and (state.resolution is not None or not x.step(state.ref).joins)
    }


def _left_out(event: e.ExecutionRequested, x: Execution) -> set[str]:
    """Return the steps that are done anew, by the step from which the retry was asked for."""
    _, asked, ref = event.triggered_by.partition(FROM_STEP)
    return {ref, *descendants(x, ref)} if asked and ref in x.definition.by_ref else set()


def _keeps(event: e.ExecutionRequested, x: Execution) -> bool:
    left_out = _left_out(event, x)
    done = {ref: kept for ref, kept in _done(x).items() if ref not in left_out}
    return done.keys() == event.kept.keys() and all(
        same(done[ref].output, kept.output) for ref, kept in event.kept.items()
    )


def _is_forced(event: e.StepSucceeded, after: Execution) -> bool:
    state = after.of(event.ref)
    settled = state.resolution if state is not None else None
    return settled is not None and settled.how == "completed"
