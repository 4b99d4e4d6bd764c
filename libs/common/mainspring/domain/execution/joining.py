"""The join of a dag: branches that ran side by side, and what each of them came to.

It needs all their steps and is cut by none of them: it is entered when all are settled, and ends in
the same turn.  A branch gives the output of its only step, or the outputs of its steps by name; one
in which a step has failed untolerated gives nothing, and the join fails with what the others gave.
"""

from typing import Final

from mainspring.domain.definition import Step
from mainspring.domain.execution import events as e
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.expansion import place_of
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json

NAMED: Final = 3
"""Failed branches that the reason of a failed join names."""


def join(draft: Draft, step: Step) -> None:
    """Record what the branches of a join came to: it succeeds when they all did."""
    failed = {name: bad for name, refs in step.joins.items() if (bad := _failure(draft.x, refs))}
    output: Json = {
        name: None if name in failed else _result(draft.x, refs)
        for name, refs in step.joins.items()
    }
    visit, attempt = draft.next_visit(step.ref), draft.next_attempt(step.ref)
    if not failed:
        draft.emit(
            e.StepSucceeded(ref=step.ref, visit=visit, attempt=attempt, output=output, at=draft.now)
        )
        return
    draft.emit(
        e.StepFailed(
            ref=step.ref,
            visit=visit,
            attempt=attempt,
            reason=_reason(draft.x, failed, len(step.joins)),
            fault="branches",
            output=output,
            at=draft.now,
        )
    )


def _failure(x: Execution, refs: tuple[str, ...]) -> str | None:
    """Return the first step of a branch that has failed, and not been tolerated."""
    for ref in refs:
        state = x.of(ref)
        if state is not None and state.status == "failed" and x.step(ref).on_failure != "continue":
            return ref
    return None


def _result(x: Execution, refs: tuple[str, ...]) -> Json:
    found: dict[str, Json] = {}
    for ref in refs:
        state = x.of(ref)
        if state is not None and state.status == "succeeded":
            place = place_of(ref)
            found[place.name if place is not None else ref] = state.output
    return next(iter(found.values()), None) if len(refs) == 1 else found


def _reason(x: Execution, failed: dict[str, str], count: int) -> str:
    """Count the branches that failed, and name the first of them."""
    told: list[str] = []
    for name, ref in list(failed.items())[:NAMED]:
        state = x.of(ref)
        told.append(f"{name}: {ref}: {state.reason if state is not None else 'failed'}")
    more = len(failed) - len(told)
    text = f"{len(failed)} of {count} branches failed: {'; '.join(told)}"
    return text + (f"; and {more} more" if more > 0 else "")
