"""Which steps run again when a run is reopened, in the order in which they were begun.

A retry of the run takes what failed and what was closed, but no failure that was tolerated: what
came after it has been done.  A reset takes the steps that were named; when it reopens a run that
had ended, what the end had closed runs again too, and what has failed behind the named steps: left
as it was, that would end the run again before they had run.  In a dag both take what was undone
too: it is done no more.  Skips that hang on any of these are decided anew, so that readiness stays
a matter of the state as it is.  What came after the end of the work comes after its new end again.
"""

from mainspring.domain.execution.events import StepResetRequested
from mainspring.domain.execution.expansion import place_of, within
from mainspring.domain.execution.fans import SPARED
from mainspring.domain.execution.requests import below, descendants
from mainspring.domain.execution.state import Execution, StepState, stacked


def chosen(x: Execution) -> list[str]:
    """Return the steps to reset for the retry or the resets that were asked for."""
    refs = _left_behind(x) | told(x)
    for asked in x.resets:
        refs.add(asked.ref)
        after = descendants(x, asked.ref)
        refs.update(after if asked.subtree else _failed(x, after))
    if x.definition.planner == "dag":
        refs |= _undone(x)
        refs |= {ref for ref in below(x, refs) if _is_skipped(x, ref)}
        refs = _with_loops(x, refs)
    states = [state for ref in refs if (state := x.of(ref)) is not None]
    return [state.ref for state in sorted(states, key=lambda state: state.seq)]


def told(x: Execution) -> set[str]:
    """Return the steps that came after the end of the work, if it had one."""
    if x.epilogue is None:
        return set()
    return {step.ref for step in x.definition.steps if step.after and x.of(step.ref) is not None}


def _left_behind(x: Execution) -> set[str]:
    """Return what the end of the run has stopped; of a loop that stands, nothing."""
    refs = {state.ref for state in x.steps.values() if state.phase == "up" and _stopped(x, state)}
    return {ref for ref in refs if all(place.loop in refs for place in within(ref))}


def _with_loops(x: Execution, refs: set[str]) -> set[str]:
    """Return steps with what hangs on them in loops.

    The loop of a step that runs again goes on with the items that it had, and with what it spared
    since one had failed; a loop that runs again itself, or comes after one that does, begins anew
    with all its items.
    """
    anew = {ref for asked in x.resets for ref in _again(x, asked)}
    loops = {place.loop for ref in refs for place in within(ref)}
    open_loops = {ref for ref in refs if x.step(ref).kind == "each"} | loops
    instances = [ref for ref in x.definition.by_ref if place_of(ref) is not None]
    inner = {
        ref
        for ref in instances
        for place in within(ref)
        if place.loop in anew or (place.loop in open_loops and _is_spared(x, ref))
    }
    return refs | loops | inner


def _again(x: Execution, asked: StepResetRequested) -> set[str]:
    """Return the steps that are to run as if for the first time: not loops of the one named."""
    own = {place.loop for place in within(asked.ref)}
    after = descendants(x, asked.ref)
    return {asked.ref, *(after if asked.subtree else _failed(x, after))} - own


def _is_spared(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is not None and state.status == "skipped" and state.reason in SPARED


def _failed(x: Execution, refs: list[str]) -> list[str]:
    """Return what failed of steps that a run which had ended comes to again."""
    states = [x.of(ref) for ref in refs] if _had_ended(x) else []
    return [state.ref for state in states if state is not None and state.status == "failed"]


def _undone(x: Execution) -> set[str]:
    """Return what has succeeded and was compensated since."""
    standing = {*stacked(x.stack), *x.corrupted}
    return {
        step.ref
        for step in x.definition.steps
        if step.compensation is not None and step.ref not in standing and _is_done(x, step.ref)
    }


def _is_done(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is not None and state.status == "succeeded"


def _stopped(x: Execution, state: StepState) -> bool:
    """Say whether the end of the run left a step behind that has to go on."""
    if state.status == "canceled":
        return x.retry or _had_ended(x)
    return state.status == "failed" and x.retry and not _is_tolerated(x, state)


def _had_ended(x: Execution) -> bool:
    """Say whether the run goes on after an end; while it waits for a place it shows as pending."""
    return x.finished_at is not None


def _is_tolerated(x: Execution, state: StepState) -> bool:
    if x.definition.planner == "dag":
        step = x.definition.by_ref.get(state.ref)
        return step is None or step.on_failure == "continue"
    token = x.tokens.get(state.token)
    return token is None or token.at != state.ref


def _is_skipped(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is not None and state.status == "skipped"
