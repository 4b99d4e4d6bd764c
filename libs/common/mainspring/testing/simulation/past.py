"""What was, read off the log: the state of a run after any of its events, folded here once more.

People ask the api for the same (`as_of`); what it answers has to be this.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mainspring.domain import catalog
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of, replay
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.upcast import event_in
from mainspring.testing.simulation.faults import Chance


class Moment(NamedTuple):
    """A run as it was at a position of the log."""

    position: int
    x: Execution


def moments(log: Sequence[Envelope], chance: Chance, count: int) -> Iterator[Moment]:
    """Yield some moments of some runs; their positions may be those of other runs' events."""
    begun = [one for one in log if one.type == "ExecutionRequested"]
    if not begun:
        return
    for _ in range(count):
        first = chance.pick(begun)
        position = chance.whole(first.position, len(log))
        yield Moment(position, _state(log, first, position))


def _state(log: Sequence[Envelope], first: Envelope, position: int) -> Execution:
    asked = event_of(first)
    assert isinstance(asked, e.ExecutionRequested)
    own = [one for one in log if one.stream == first.stream and one.position <= position]
    return replay(absent(first.stream.id, _definition(log, asked.definition)), own)


def _definition(log: Sequence[Envelope], hash: str) -> Definition:
    found = next(one for one in log if one.stream == StreamId("compiled", hash))
    compiled = event_in(found)
    assert isinstance(compiled, catalog.DefinitionCompiled)
    return compiled.definition
