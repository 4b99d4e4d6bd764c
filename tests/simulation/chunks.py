"""Which histories there are to live through, in pieces for one process each."""

import os
from typing import Final, NamedTuple

from mainspring.testing.simulation.campaign import parsed
from mainspring.testing.simulation.run import Kind

ONE: Final = os.environ.get("MAINSPRING_SIM_SEED")
COUNT: Final = int(os.environ.get("MAINSPRING_SIM_N", "200"))
COUNTS: Final[dict[Kind, int]] = {"sagas": COUNT, "native": COUNT * 3 // 2, "flows": COUNT * 3 // 4}
CHUNK: Final = 10


class Chunk(NamedTuple):
    """Some histories that one process lives through in a row."""

    kind: Kind
    seeds: range

    def __str__(self) -> str:
        return f"{self.kind}-{self.seeds.start}-{self.seeds.stop - 1}"


def chunks() -> list[Chunk]:
    if ONE:
        kind, seed = parsed(ONE)
        return [Chunk(kind, range(seed, seed + 1))]
    return [
        Chunk(kind, range(at, min(at + CHUNK, count)))
        for kind, count in COUNTS.items()
        for at in range(0, count, CHUNK)
    ]


CHUNKS: Final = chunks()
