"""The gate of a workflow: which of its runs are between their beginning and their end.

A workflow may say how many of its runs go on at once.  Who may begin is decided in one stream for
the workflow, so that two writers cannot both give away the last place: one of them is refused and
looks again.  Runs wait in the order in which they were asked for.  A run that a run of the same
workflow has started, at any depth, does not come here (`Execution.needs_place`): it would wait for
its own ancestor for ever.  Where a workflow counts its runs by a key, each key has a gate.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from mainspring.domain.definition import OnLimit
from mainspring.domain.envelope import StreamId
from mainspring.domain.message import Message


class SlotsChanged(Message, frozen=True, kw_only=True):
    """Places were given up by runs that had ended, and taken by runs that waited."""

    freed: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    at: float


class Waiting(NamedTuple):
    """A run that waits for a place, and what its version of the workflow says."""

    execution: str
    most: int
    on_limit: OnLimit


class Change(NamedTuple):
    """What becomes of a gate, and of the runs that wait at it."""

    freed: tuple[str, ...]
    taken: tuple[str, ...]
    rejected: tuple[str, ...]


def gate_stream(project: str, workflow: str, lane: str = "") -> StreamId:
    """Return the stream of a workflow's gate; a name may hold what an id may not."""
    named = f"{project}\n{workflow}" + (f"\0{lane}" if lane else "")
    return StreamId("gate", hashlib.sha256(named.encode()).hexdigest())


def evolve(holders: tuple[str, ...], event: SlotsChanged) -> tuple[str, ...]:
    """Return who holds a place after `event`, in the order in which they took it."""
    return (*(each for each in holders if each not in event.freed), *event.taken)


def decide(holders: Sequence[str], ended: Collection[str], waiting: Sequence[Waiting]) -> Change:
    """Return who gives up a place, and who of those that wait, oldest first, may begin.

    One that does not fit holds back all behind it, whatever bound they know of; who may not wait
    is turned away there too.
    """
    freed = tuple(each for each in holders if each in ended)
    held = len(holders) - len(freed)
    taken: list[str] = []
    rejected: list[str] = []
    held_back = False
    for each in waiting:
        if each.execution in holders:
            continue
        if not held_back and held + len(taken) < each.most:
            taken.append(each.execution)
        elif each.on_limit != "queue":
            rejected.append(each.execution)
        else:
            held_back = True
    return Change(freed, tuple(taken), tuple(rejected))
