"""Loops in the dag planner: each item's steps among themselves, so many items at once.

Only items in which something has changed are looked at, and of those not begun only the next ones,
so what an event costs does not grow with the items.  An item in which a step has failed for good
begins no others and closes what only waits; with `fail_fast` so do all items.  A loop is gathered
when none of its items is under way and none is to be begun.
"""

from collections.abc import Iterator
from typing import Final

from mainspring.domain.execution.fans import is_through, may_be_closed, refs_of, spared, stopped
from mainspring.domain.execution.standing import CUT, is_blocked, is_cut, is_pending
from mainspring.domain.execution.state import Execution, Fan
from mainspring.domain.planner.plan import Gather, Move, Skip, Stop
from mainspring.domain.planner.room import Room

MOST: Final = 500
"""Items that one turn begins at most; more begin with the next."""


def moves(x: Execution, room: Room) -> Iterator[Move]:
    """Yield what the loops that are open may do, in the order in which they were begun."""
    for loop in sorted(x.loops, key=lambda ref: x.steps[ref].seq):
        fan = x.fans[loop]
        for index in sorted(fan.busy):
            yield from _moves_of(x, loop, index, room)
        yield from _begin(x, loop, fan, room)
        if not fan.live and not _rest(x, loop, fan):
            yield Gather(loop)


def _rest(x: Execution, loop: str, fan: Fan) -> bool:
    """Say whether items of a loop are still to be begun."""
    if spared(x, loop) is not None:
        return False
    ahead = range(fan.cursor, len(fan.queue))
    return any(not is_through(x, loop, fan.queue[n]) for n in ahead)


def _begin(x: Execution, loop: str, fan: Fan, room: Room) -> Iterator[Move]:
    """Yield how the next items begin, in their order, as many as there may be."""
    each = x.step(loop).each
    if each is None or spared(x, loop) is not None:
        return
    left = MOST if each.concurrency is None else min(MOST, each.concurrency - len(fan.live))
    for n in range(fan.cursor, len(fan.queue)):
        if left <= 0 or room.is_full:
            return
        index = fan.queue[n]
        if is_through(x, loop, index):
            continue
        found = list(_moves_of(x, loop, index, room))
        if not found:
            return  # what it would begin with waits for a key, and those behind it wait their turn
        left -= 1
        yield from found


def _moves_of(x: Execution, loop: str, index: int, room: Room) -> Iterator[Move]:
    why = stopped(x, loop, index)
    for ref in refs_of(x, loop, index):
        if why is not None:
            if is_pending(x, ref):
                yield Skip(ref, why)
            elif may_be_closed(x, ref):
                yield Stop(ref, why)
        elif is_pending(x, ref) and not is_blocked(x, x.step(ref)):
            yield from _move(x, ref, room)


def _move(x: Execution, ref: str, room: Room) -> Iterator[Move]:
    step = x.step(ref)
    if is_cut(x, step):
        yield Skip(ref, CUT)
    elif not room.is_full and (move := room.enter(step)) is not None:
        yield move
