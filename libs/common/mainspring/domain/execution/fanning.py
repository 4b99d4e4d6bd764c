"""A loop from its decider's side: its items are found out, and in the end gathered.

A loop that was reset is begun anew, with the items as they are then; one of which some steps still
stand (the run was retried, or one of its instances was reset) goes on with the items that it had.
"""

from typing import Final, cast

from mainspring.domain.definition import Each, Step
from mainspring.domain.execution import attempts, fans
from mainspring.domain.execution import events as e
from mainspring.domain.execution.context import Viewpoint, value
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.expansion import (
    DEEPEST,
    MOST_ITEMS,
    MOST_STEPS,
    instance,
    is_inside,
    place_of,
    within,
)
from mainspring.domain.execution.state import Execution, StepState
from mainspring.domain.expression import ExpressionError
from mainspring.domain.message import Json

NAMED: Final = 3
"""Failed items that the reason of a failed loop names."""


class _Unfit(ValueError):
    """What a loop is to be done for is no list, or too long."""


def enter(draft: Draft, step: Step, each: Each) -> None:
    """Begin a loop, or fail it with the reason why it cannot be done."""
    if _goes_on(draft.x, step.ref):
        _fan_out(draft, step.ref, None, keyed=False)
        return
    try:
        items, keyed = _items(draft, step, each)
        _demand_room(draft.x, step, each, len(items))
    except (ExpressionError, _Unfit) as error:
        reason = f"step {step.ref}: {error}"
        attempts.fail_at_entry(draft, step.ref, reason, "expression")
        return
    _fan_out(draft, step.ref, items, keyed=keyed)


def _fan_out(draft: Draft, ref: str, items: tuple[Json, ...] | None, *, keyed: bool) -> None:
    draft.emit(
        e.StepFannedOut(
            ref=ref,
            visit=draft.next_visit(ref),
            attempt=draft.next_attempt(ref),
            items=items,
            keyed=keyed,
            at=draft.now,
        )
    )


def _goes_on(x: Execution, loop: str) -> bool:
    if loop not in x.fans:
        return False
    return any(state.status != "reset" for key, state in x.steps.items() if is_inside(key, loop))


def _items(draft: Draft, step: Step, each: Each) -> tuple[tuple[Json, ...], bool]:
    view = Viewpoint(step=step.ref, attempt=draft.next_attempt(step.ref))
    found = value(draft.x, each.items, view)
    keyed = isinstance(found, dict)
    if isinstance(found, dict):
        entries = cast("dict[str, Json]", found)
        found = [{"key": key, "value": one} for key, one in entries.items()]
    if not isinstance(found, list):
        kind = "null" if found is None else type(found).__name__
        raise _Unfit(f"its items are no list and no object, but {_KINDS.get(kind, kind)}")
    items = cast("list[Json]", found)
    if each.batch > 1:
        starts = range(0, len(items), each.batch)
        return tuple(items[at : at + each.batch] for at in starts), False
    return tuple(items), keyed


_KINDS: Final = {"str": "text", "int": "a number", "float": "a number", "bool": "true or false"}


def _demand_room(x: Execution, step: Step, each: Each, count: int) -> None:
    if x.definition.planner != "dag" and not step.after:
        raise _Unfit("a path has no loops over items")
    if sum(1 for _ in within(step.ref)) >= DEEPEST:
        raise _Unfit(f"loops are nested deeper than {DEEPEST}")
    if count > MOST_ITEMS:
        raise _Unfit(f"it has {count:,} items, at most {MOST_ITEMS:,} are allowed")
    if len(x.definition.steps) + count * len(each.steps) > MOST_STEPS:
        raise _Unfit(f"with its {count:,} items the run would have more than {MOST_STEPS:,} steps")


def gather(draft: Draft, ref: str) -> None:
    """End a loop whose items are all through, with what they came to."""
    state = draft.x.of(ref)
    if state is None or state.status != "splitting":
        return
    place = place_of(ref)
    why = fans.stopped(draft.x, place.loop, place.number) if place is not None else None
    output, failed = _outcome(draft.x, ref)
    if failed:
        _fail(draft, state, _reason(draft.x, ref, failed, len(draft.x.fans[ref].items)), output)
    elif why is not None:
        attempts.cancel(draft, state, why)
    else:
        attempts.succeed(draft, state, output)


def give_up(draft: Draft, state: StepState) -> None:
    """Fail a loop that has taken too long, and close what is open of it.

    What comes of a try in flight is of no use to anybody any more: a late report changes nothing.
    """
    each = draft.x.step(state.ref).each
    output, _ = _outcome(draft.x, state.ref)
    reason = f"it took longer than {each.timeout if each is not None else 0:g} s"
    _fail(draft, state, reason, output, "timeout")
    for one in draft.x.open_steps():
        if one.phase == "up" and is_inside(one.ref, state.ref):
            attempts.cancel(draft, one, reason)


def _outcome(x: Execution, ref: str) -> tuple[dict[str, Json], list[int]]:
    """Return the output of a loop as it stands, and the items that have not gone well."""
    results = _results(x, ref)
    failed = [n for n in results if not _is_good(x, ref, n)]
    output: dict[str, Json] = {
        "results": [results[n] for n in sorted(results)],
        "count": len(results),
        "failed": sum(fans.is_through(x, ref, n) for n in failed),
    }
    return output, failed


def _fail(
    draft: Draft, state: StepState, reason: str, output: Json, fault: e.StepFault = "items"
) -> None:
    draft.emit(
        e.StepFailed(
            ref=state.ref,
            visit=state.visit,
            attempt=state.attempt,
            reason=reason,
            fault=fault,
            output=output,
            at=draft.now,
        )
    )


def _is_good(x: Execution, loop: str, index: int) -> bool:
    return fans.is_through(x, loop, index) and not any(fans.failures(x, loop, index))


def _results(x: Execution, loop: str) -> dict[int, Json]:
    each, fan = x.step(loop).each, x.fans[loop]
    names = [step.ref for step in each.steps] if each is not None else []
    return {
        n: _result(x, loop, n, names) if _is_good(x, loop, n) else None
        for n in range(len(fan.items))
    }


def _result(x: Execution, loop: str, index: int, names: list[str]) -> Json:
    """Return what an item came to: the output of its only step, or those of its steps by name."""
    found: dict[str, Json] = {}
    for name in names:
        state = x.of(instance(loop, index, name))
        if state is not None and state.status == "succeeded":
            found[name] = state.output
    return found.get(names[0]) if len(names) == 1 else found


def _reason(x: Execution, loop: str, failed: list[int], count: int) -> str:
    """Count the items that failed, name the first of them, and say how many were not done."""
    blamed = {n: ref for n in failed for ref in list(fans.failures(x, loop, n))[:1]}
    told: list[str] = []
    for ref in list(blamed.values())[:NAMED]:
        state = x.of(ref)
        told.append(f"{ref}: {state.reason if state is not None else 'failed'}")
    more = len(blamed) - len(told)
    rest = len(failed) - len(blamed)
    text = f"{len(blamed)} of {count} items failed"
    text += f", {rest} were not done" if rest else ""
    return f"{text}: {'; '.join(told)}" + (f"; and {more} more" if more > 0 else "")
