"""The states that a process keeps in memory, within a budget of bytes.

A state's weight is what its events weigh, plus a little for its own.  Counting states instead would
let a few large payloads take all memory, or ten thousand sleepers push each other out.
"""

from collections import OrderedDict

from mainspring.domain.execution.state import Execution

BUDGET = 96 << 20
"""Bytes of events whose states are kept."""

OWN = 2048
"""Bytes of a state beside its events'."""


class WarmStates:
    """Least recently kept states go first when the budget is over."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._weight = 0
        self._states: OrderedDict[str, tuple[Execution, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def get(self, id: str) -> Execution | None:
        """Return the state of an execution if it is here."""
        found = self._states.get(id)
        return None if found is None else found[0]

    def keep(self, x: Execution, grown: int) -> None:
        """Keep a state whose events have grown by so many bytes since it was kept last.

        One that has ended, and owes no notice of it, is let go.
        """
        weight = self._forget(x.id) or OWN
        if x.is_terminal and not x.open:
            return
        self._states[x.id] = x, weight + grown
        self._weight += weight + grown
        while self._weight > self._budget and len(self._states) > 1:
            self._forget(next(iter(self._states)))

    def forget(self, id: str) -> None:
        """Let go of a state."""
        self._forget(id)

    def _forget(self, id: str) -> int:
        found = self._states.pop(id, None)
        if found is None:
            return 0
        self._weight -= found[1]
        return found[1]
