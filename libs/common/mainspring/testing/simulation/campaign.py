"""Many histories: by which services, for which seeds, and what is told when one is bad.

Services are named as text and loaded when they are needed: nothing here may stand on them.  A seed
is written as `7`, or with its plot before it as `native:7`.  A verdict is all that leaves a
history, so many can be judged in another process.
"""

import gc
import inspect
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Final, NamedTuple, cast

import msgspec

from mainspring.runtime.service import Service
from mainspring.runtime.world import World
from mainspring.testing.simulation.directly import Directly
from mainspring.testing.simulation.faults import KINDS, OF_OTHERS
from mainspring.testing.simulation.incarnation import Build, Neighbours
from mainspring.testing.simulation.run import History, Kind, simulate
from mainspring.testing.simulation.scripts import Script

SERVICES: Final[Mapping[str, str]] = {
    "api": "mainspring_api.app:build",
    "scheduler": "mainspring_scheduler.app:build",
    "events": "mainspring_events.app:build",
    "executor": "mainspring_executor.build:build",
}
"""Where each service is put together, in production as here."""

SHARES: Final[Mapping[Kind, int]] = {"sagas": 4, "native": 4, "flows": 2}
"""How many of ten histories are of which plot."""

CHUNK: Final = 10


class Chunk(NamedTuple):
    """Some histories that one process lives through in a row."""

    kind: Kind
    seeds: range

    def __str__(self) -> str:
        return f"{self.kind}-{self.seeds.start}-{self.seeds.stop - 1}"


class Verdict(msgspec.Struct, frozen=True):
    """What became of one history, by its seed as it is written; `faults` counts their kinds."""

    name: str
    runs: int
    faults: dict[str, int]
    events: int
    seconds: float
    told: str = ""

    @property
    def hard(self) -> int:
        """How much went wrong with us and around us, beside what others do."""
        return sum(count for kind, count in self.faults.items() if kind not in OF_OTHERS)


def chunks(count: int) -> list[Chunk]:
    """Return so many histories in pieces, of all plots."""
    whole = sum(SHARES.values())
    of_each: dict[Kind, int] = {kind: count * share // whole for kind, share in SHARES.items()}
    of_each["sagas"] += count - sum(of_each.values())
    return [
        Chunk(kind, range(at, min(at + CHUNK, most)))
        for kind, most in of_each.items()
        for at in range(0, most, CHUNK)
    ]


def loaded(services: Mapping[str, str] = SERVICES) -> dict[str, Build]:
    """Return how each service is built."""
    return {name: _build(*where.split(":")) for name, where in services.items()}


def judge(seeds: Sequence[int], kind: Kind = "sagas") -> list[Verdict]:
    """Live through one history after another; a bad one is told, and the next one begins."""
    builds = loaded()
    # All that was loaded stays; looking through it for garbage again and again is a tenth of all.
    gc.freeze()
    gc.set_threshold(20_000)
    return [_judged(seed, builds, kind) for seed in seeds]


def parsed(seed: str) -> tuple[Kind, int]:
    """Return the plot and the number of a seed as it is written."""
    kind, _, number = seed.rpartition(":")
    return cast("Kind", kind or "sagas"), int(number)


def live(script: Script) -> History:
    """Live through the history of a script."""
    kind, seed = parsed(script.seed)
    return simulate(seed, loaded(), kind, script=script)


def counted(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield a line for each kind of fault: in how many histories it struck, and how often."""
    of, times = Counter[str](), Counter[str]()
    for verdict in verdicts:
        of.update(verdict.faults.keys())
        times.update(verdict.faults)
    for kind in KINDS:
        yield f"{kind:<18}{of[kind]:>8} histories {times[kind]:>9} times"


def _judged(seed: int, builds: Mapping[str, Build], kind: Kind) -> Verdict:
    history = simulate(seed, builds, kind, talk=bool(os.environ.get("MAINSPRING_SIM_TALK")))
    return Verdict(
        history.seed,
        len(history.rows),
        dict(Counter(fault.what for fault in history.faults)),
        len(history.log),
        history.seconds,
        history.told() if history.violations else "",
    )


def _build(module: str, name: str) -> Build:
    """Return how a service is built, given of what is around it what it has a use for."""
    build = getattr(import_module(module), name)
    asked = inspect.signature(build).parameters

    async def built(world: World, near: Neighbours) -> Service:
        given = {"http": near.peers, "transport": near.events, "helpers": Directly()}
        ports = {port: one for port, one in given.items() if port in asked}
        return cast("Service", await build(world, **ports))

    return built
