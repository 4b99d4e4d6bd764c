"""How far a loop is with its items, kept by the fold so that a turn looks only at what changed.

Items are begun in their order.  One is under way from its first step's beginning until all its
steps are settled; a step that somebody settled beforehand begins nothing.  Which items need a look
follows from the events of their own steps, so a loop of thousands costs each event a few steps.
"""

from collections.abc import Iterator
from typing import Final

from mainspring.domain.definition import Each
from mainspring.domain.execution import events as e
from mainspring.domain.execution.expansion import (
    Place,
    expanded,
    instance,
    place_of,
    within,
)
from mainspring.domain.execution.standing import is_blocked, is_pending, is_settled
from mainspring.domain.execution.state import IN_FLIGHT, OPEN, Execution, Fan
from mainspring.domain.message import replace

STOPPED: Final = "another step of its item failed"
FAST: Final = "another item failed"
SPARED: Final = frozenset({STOPPED, FAST})
"""Reasons of what is not done since its loop cannot succeed any more."""

_SILENT: Final = (e.StepStarted, e.StepLogged, e.StepRedispatched)
_ASIDE: Final = (e.StepReset, e.StepCanceled)


def spread(x: Execution, event: e.StepFannedOut) -> Execution:
    """Return the state in which a loop begins with its items, or goes on with those it had."""
    older = x.fans.get(event.ref)
    if event.items is None:
        return x if older is None else _resumed(x, event.ref, older)
    count, version = len(event.items), x.version + 1
    grown = older.grown if older is not None else ()
    width = grown[-1][1] if grown else 0
    fan = Fan(
        items=event.items,
        spare=() if older is None else (*older.items, *older.spare)[count:],
        grown=(*grown, (version, count)) if count > width else grown,
        keyed=event.keyed,
        queue=tuple(range(count)),
    )
    definition = expanded(x.definition, event.ref, count)
    return replace(x, definition=definition, fans=x.fans.set(event.ref, fan))


def _resumed(x: Execution, loop: str, fan: Fan) -> Execution:
    todo = tuple(n for n in range(len(fan.items)) if not is_through(x, loop, n))
    fan = replace(fan, queue=todo, cursor=0, live=frozenset(), busy=frozenset(), failed=frozenset())
    return replace(x, fans=x.fans.set(loop, fan))


def noted(before: Execution, x: Execution, event: e.StepEvent) -> Execution:
    """Return the state in which a loop has taken note of what became of one of its steps."""
    place = place_of(event.ref)
    if place is None or place.loop not in x.loops or isinstance(event, _SILENT):
        return x
    fan = x.fans[place.loop]
    begins = event.ref not in before.forced and not isinstance(event, _ASIDE)
    if begins and place.number not in fan.live:
        fan = _begun(fan, place.number)
    return _looked(x, place, fan)


def _begun(fan: Fan, index: int) -> Fan:
    try:
        cursor = fan.queue.index(index, fan.cursor) + 1
    except ValueError:
        return fan
    return replace(fan, cursor=cursor, live=fan.live | {index})


def _looked(x: Execution, place: Place, fan: Fan) -> Execution:
    """Look at the one item of which something has changed."""
    index, one = place.number, frozenset({place.number})
    has_failed = index in fan.live and _has_failed(x, place.loop, index)
    stops = has_failed and index not in fan.failed
    fan = replace(fan, failed=fan.failed | one if has_failed else fan.failed - one)
    if is_through(x, place.loop, index):
        fan = replace(fan, live=fan.live - one)
    x = replace(x, fans=x.fans.set(place.loop, fan))
    busy = index in fan.live and _has_something_to_do(x, place.loop, index)
    fan = replace(fan, busy=fan.busy | one if busy else fan.busy - one)
    x = replace(x, fans=x.fans.set(place.loop, fan))
    return _alarmed(x, place) if stops else x


def _alarmed(x: Execution, place: Place) -> Execution:
    """Let all be looked at that is to be closed since an item has failed."""
    if _each(x, place.loop).fail_fast:
        return _wake(x, place.loop)
    for ref in refs_of(x, place.loop, place.number):
        x = _wake(x, ref) if ref in x.loops else x
    return x


def _wake(x: Execution, loop: str) -> Execution:
    fan = x.fans[loop]
    x = replace(x, fans=x.fans.set(loop, replace(fan, busy=fan.live)))
    for index in sorted(fan.live):
        for ref in refs_of(x, loop, index):
            x = _wake(x, ref) if ref in x.loops else x
    return x


def _each(x: Execution, loop: str) -> Each:
    each = x.step(loop).each
    return each if each is not None else Each(items=(), steps=())


def refs_of(x: Execution, loop: str, index: int) -> list[str]:
    """Return the steps of one item, in the order of the definition."""
    return [instance(loop, index, step.ref) for step in _each(x, loop).steps]


def is_through(x: Execution, loop: str, index: int) -> bool:
    """Say whether all steps of an item are settled."""
    return all(is_settled(x, ref) for ref in refs_of(x, loop, index))


def _has_failed(x: Execution, loop: str, index: int) -> bool:
    return any(failures(x, loop, index))


def failures(x: Execution, loop: str, index: int) -> Iterator[str]:
    """Yield the steps of an item that have failed, and not been tolerated; then those closed."""
    states = [state for ref in refs_of(x, loop, index) if (state := x.of(ref)) is not None]
    for state in states:
        if state.status == "failed" and x.step(state.ref).on_failure != "continue":
            yield state.ref
    yield from (state.ref for state in states if state.status == "canceled")


def _has_something_to_do(x: Execution, loop: str, index: int) -> bool:
    stops = stopped(x, loop, index) is not None
    return any(_is_moved(x, ref, stops=stops) for ref in refs_of(x, loop, index))


def _is_moved(x: Execution, ref: str, *, stops: bool) -> bool:
    if is_pending(x, ref):
        return stops or not is_blocked(x, x.step(ref))
    return stops and may_be_closed(x, ref)


def may_be_closed(x: Execution, ref: str) -> bool:
    """Say whether a step only waits, so that it can be closed; what is in flight is awaited."""
    state = x.of(ref)
    if state is None or state.status not in OPEN:
        return False
    return state.status not in IN_FLIGHT and state.status != "splitting"


def stopped(x: Execution, loop: str, index: int) -> str | None:
    """Return why nothing more of an item is to be begun, None while it may."""
    for ref in refs_of(x, loop, index):
        state = x.of(ref)
        if state is not None and state.status == "failed" and x.step(ref).on_failure == "fail":
            return STOPPED
    return spared(x, loop)


def spared(x: Execution, loop: str) -> str | None:
    """Return why nothing more of a loop is to be begun, None while it may."""
    fan = x.fans.get(loop)
    if fan is not None and fan.failed and _each(x, loop).fail_fast:
        return FAST
    place = place_of(loop)
    return stopped(x, place.loop, place.number) if place is not None else None


def closing(x: Execution, ref: str) -> str | None:
    """Return why a step is not to go on: its run is being wound up, or its item has failed."""
    if x.closing is not None:
        return x.closing
    place = next(within(ref), None)
    return stopped(x, place.loop, place.number) if place is not None else None
