"""The dag planner: a step may go when all that it needs is settled.

Readiness follows from the state alone after every change, so no schedule of results, skips, limits
and resets can leave a step behind; the fold keeps it (`front`), so a turn looks only at what may
go.  Succeeded and skipped steps satisfy those that need them, and so do failed ones that say
`continue`.  A failed step that says `skip_dependents` skips all that come after it, directly or
not; other branches go on, and the run fails at its end.  A condition is judged when its step could
begin, so it sees what the steps before it came to; a step whose condition is false is skipped and
counts as satisfied.

The work is planned first.  Once it has come to an end, the steps for that end are planned in the
same way among themselves; there a failed step keeps no others from running but those that need it.
The steps of a loop's items are planned item by item (`loops`), within the same limits.
"""

from collections.abc import Iterator

from mainspring.domain.definition import Step
from mainspring.domain.execution.standing import CUT, is_cut
from mainspring.domain.execution.state import Execution
from mainspring.domain.graph import members
from mainspring.domain.planner import loops
from mainspring.domain.planner.plan import Done, Failed, Move, Skip, Verdict
from mainspring.domain.planner.room import Room

ELSEWHERE = "it is for another end than"


def moves(x: Execution) -> Iterator[Move]:
    """Yield steps to skip first, then steps to begin, within `max_parallel` and their keys."""
    ready = x.front.ready(x.definition.graph) & _planned(x)
    for rank in members(_elsewhere(x) | ready & x.front.wary):
        step = x.definition.steps[rank]
        reason = _not_to_run(x, step)
        if reason is not None:
            ready &= ~(1 << rank)
            yield Skip(step.ref, reason)
    room = Room(x)
    for rank in members(ready):
        if room.is_full:
            break
        if (move := room.enter(x.definition.steps[rank])) is not None:
            yield move
    yield from loops.moves(x, room)


def _planned(x: Execution) -> int:
    return x.definition.graph.epilogue if x.in_epilogue else x.definition.graph.work


def _elsewhere(x: Execution) -> int:
    """Return the pending steps that are for another end than that to which the work has come."""
    if not x.in_epilogue or x.epilogue is None:
        return 0
    graph = x.definition.graph
    return graph.epilogue & ~graph.told.get(x.epilogue.outcome, 0) & ~x.front.begun


def verdict(x: Execution) -> Verdict | None:
    """Return how the work has ended: at once when a step fails it, else when all is settled.

    Of what comes after the work it is only said that it is all settled.
    """
    failed: str | None = None
    for rank in members(x.front.failed & _planned(x)) if not x.in_epilogue else ():
        step = x.definition.steps[rank]
        state = x.steps[step.ref]
        failed = failed or f"{step.ref}: {state.reason}"
        if step.on_failure == "fail":
            return Failed(f"{step.ref}: {state.reason}")
    if _planned(x) & ~x.front.settled:
        return None
    if x.in_epilogue:
        return Done(None)
    return Failed(failed) if failed else Done(_sink(x))


def _not_to_run(x: Execution, step: Step) -> str | None:
    """Return why a step whose time has come is to be skipped, None when it is not."""
    if x.in_epilogue and x.epilogue is not None and x.epilogue.outcome not in step.after:
        return f"{ELSEWHERE} {x.epilogue.outcome}"
    return CUT if is_cut(x, step) else None


def _sink(x: Execution) -> str | None:
    """Return the one step that nothing needs, if there is exactly one and it succeeded."""
    form = x.definition
    sinks = [
        step.ref
        for step in form.work
        if all(form.by_ref[below].after for below in form.dependants[step.ref])
    ]
    state = x.of(sinks[0]) if len(sinks) == 1 else None
    return state.ref if state is not None and state.status == "succeeded" else None
