"""The script of a history: its seed, and which of its choices are taken.

A seed draws people, faults and odd peers; a script names those that are let through, so a history
can be lived through again with fewer of them.  Each part draws from a stream of its own: what is
left out here shifts nothing there.  The rival, another seed that happens to be short, is found by
luck or not at all.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from mainspring.testing.simulation.faults import Fault


class Script(msgspec.Struct, frozen=True, omit_defaults=True):
    """A seed as it is written, and what of it happens; None: all that it draws.

    `people` are numbered by their plot.  `faults` are named by kind, place and count.  `odd` are
    the peers that do more than answer well.  `in_order` lets what is ready run as it came.
    """

    seed: str
    people: Sequence[int] | None = None
    faults: Sequence[str] | None = None
    odd: Sequence[str] | None = None
    in_order: bool = False

    @property
    def text(self) -> str:
        """The script as a file has it."""
        return msgspec.json.encode(self).decode()


class Prompter:
    """Says which choices of a history are taken, and keeps which there were."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.people: list[int] = []
        self.faults: list[str] = []
        self.odd: list[str] = []
        self._faults: Final = None if script.faults is None else frozenset(script.faults)
        self._odd: Final = None if script.odd is None else frozenset(script.odd)

    def lets(self, what: str, where: str, number: int) -> bool:
        """Say whether a fault that was drawn strikes."""
        name = f"{what}@{where}#{number}"
        if self._faults is not None and name not in self._faults:
            return False
        self.faults.append(name)
        return True

    def acts(self, number: int) -> bool:
        """Say whether a person is there."""
        if self.script.people is not None and number not in self.script.people:
            return False
        self.people.append(number)
        return True

    def is_odd(self, peer: str) -> bool:
        """Say whether a peer that may do odd things does."""
        if self._odd is not None and peer not in self._odd:
            return False
        if peer not in self.odd:
            self.odd.append(peer)
        return True


def read(text: bytes) -> Script:
    """Return the script of a file; raises `msgspec.ValidationError` when it is none."""
    return msgspec.json.decode(text, type=Script)


def told_of(faults: Sequence[Fault]) -> Sequence[str]:
    """Return a line for each fault, in order of time."""
    return [f"{fault.at:9.3f} s  {fault.what:<16} {fault.where}" for fault in faults]
