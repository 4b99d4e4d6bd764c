"""Books of who goes on in workflows that bound their runs, from the events of the runs alone.

The gate's own stream is not asked: what counts is how many runs are between their beginning and
their end.  Whoever was started within a run of the same workflow goes in with it and is not
counted, as long as it was not taken up again after its end.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from mainspring.domain.execution import events as e
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.state import Execution
from mainspring.testing.fault import Fault

LAWS: Final[Mapping[str, str]] = {
    "place": "of a workflow that bounds its runs no more go on than it allows, and at the end none"
    " waits for a place that is free",
}

Gate: TypeAlias = tuple[str, str, str]


class Queued(NamedTuple):
    """A run that waits at the end of the log: since when, and how many may go on beside it."""

    at: float
    id: str
    version: int
    most: int


class Places:
    """The bounded workflows of a log; `note` enters the next event, with the state after it."""

    def __init__(self) -> None:
        self._going: dict[Gate, dict[str, int]] = {}
        self._queues: dict[Gate, list[Queued]] = {}

    def note(self, event: e.Event, after: Execution) -> Iterator[Fault]:
        """Enter an event of a run; yield the laws that it breaks."""
        most, asked = after.definition.max_runs, after.requested
        if most is None or asked is None:
            return
        going = self._going.setdefault((after.project, asked.name, asked.lane), {})
        if isinstance(event, e.Terminal):
            going.pop(after.id, None)
        elif isinstance(event, e.ExecutionStarted | e.ExecutionReopened) and _is_let_in(after):
            going[after.id] = most
            # Versions may differ in what they allow; each was let in by its own.
            if len(going) > max(going.values()):
                yield Fault("place", f"{len(going)} runs of {asked.name} go on: {', '.join(going)}")

    def rest(self, x: Execution) -> None:
        """Note a run as the log leaves it."""
        most, asked = x.definition.max_runs, x.requested
        if most is not None and asked is not None and outlook(x).waiting_for == "slot":
            queue = self._queues.setdefault((x.project, asked.name, asked.lane), [])
            queue.append(Queued(asked.at, x.id, x.version, most))

    def at_the_end(self) -> Iterator[tuple[Queued, Fault]]:
        """Yield who waits first in a queue although there is room."""
        for gate, queue in self._queues.items():
            first, going = min(queue), self._going.get(gate, {})
            if len(going) < first.most:
                why = f"it waits for a place, and {len(going)} of {first.most} go on"
                yield first, Fault("place", why)


def _is_let_in(x: Execution) -> bool:
    """Say whether it goes on: turned away, or canceled while it waits, it is reopened to end."""
    return x.slot == "granted" and x.rejected is None
