"""What a history is about: who acts in it, who helps it to its end, and what must hold of it.

The trouble, the weather and the laws of every log are the same for all plots; a plot brings its
workflows, the people who use them, and what these were promised.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from mainspring.domain.envelope import Envelope
from mainspring.domain.rows import ExecutionRow
from mainspring.store.tables import Tables
from mainspring.testing.simulation.client import Client
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.peers import Peers


class Stage(NamedTuple):
    """What a plot is played on.  `tables` may be looked at: it is what the store holds."""

    client: Client
    peers: Peers
    chance: Chance
    tables: Tables


class Person(Protocol):
    """Somebody who does something during the trouble."""

    async def act(self) -> None: ...


class Plot(Protocol):
    """One plot of one history.

    `night` is for how many seconds no scheduler is there, from the middle of the trouble on; `lull`
    for how many seconds nothing must go on before it is over, where ends may begin something.
    """

    night: float
    lull: float

    def actors(self) -> Sequence[Person]:
        """Return all who act; each is let loose when the history begins."""
        ...

    async def help(self) -> None:
        """Do, in calm weather, what open runs wait for that nobody would do by themselves."""
        ...

    async def look_back(self) -> Sequence[str]:
        """Read, when all is over, what was; return what reads otherwise than it happened."""
        ...

    def judged(self, rows: Mapping[str, ExecutionRow], log: Sequence[Envelope]) -> Iterator[str]:
        """Say what was promised and does not hold."""
        ...
