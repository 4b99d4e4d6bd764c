"""A decision in the making: events so far, and the states that they lead to.

The states go with the events to whoever makes rows of them, which would fold them once more: for
three events that was half of the making of their rows, 35 microseconds of 75.
"""

from collections.abc import Collection

from mainspring.domain.execution.events import Event
from mainspring.domain.execution.evolve import evolve
from mainspring.domain.execution.state import Execution
from mainspring.domain.retry import chance, nonce


class Draft:
    """Collects events; each is folded in as it is emitted, so the next step sees its effect."""

    def __init__(
        self, x: Execution, now: float, seed: str, taken_keys: Collection[str] = ()
    ) -> None:
        self.x = x
        self.now = now
        self.taken_keys = taken_keys
        self.events: list[Event] = []
        self.states: list[Execution] = []
        self._seed = seed

    def emit(self, event: Event) -> None:
        """Record that `event` happens."""
        self.events.append(event)
        self.x = evolve(self.x, event)
        self.states.append(self.x)

    def luck(self, *parts: object) -> float:
        """Return a number in [0, 1) for one purpose of this decision."""
        return chance(self._seed, self.x.id, *parts)

    def nonce(self, *parts: object) -> str:
        """Return an unguessable word for one purpose of this decision."""
        return nonce(self._seed, self.x.id, *parts)

    def next_visit(self, ref: str) -> int:
        """Return the visit that would begin now; a reset step goes on with its own."""
        step = self.x.of(ref)
        if step is None:
            return 1
        return step.visit if step.status == "reset" else step.visit + 1

    def next_attempt(self, ref: str) -> int:
        """Return the attempt that would begin with `next_visit`; a reset step goes on counting."""
        step = self.x.of(ref)
        return step.attempt + 1 if step is not None and step.status == "reset" else 1
