"""No schedule of faults loses, doubles or sticks a run: hundreds of histories, each from a seed.

`make sim SEED=7` lives through one history and tells all, `make sim SEED=native:7` through one of
the native dialect, `make sim SEED=flows:7` through one of flows and what starts them;
`make sim N=5000` through so many of sagas, half as many again of native workflows, and three
quarters as many of flows.
"""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Final, NamedTuple

import pytest

from mainspring.testing.simulation.campaign import Verdict, judge, parsed
from mainspring.testing.simulation.run import FEWEST_FAULTS, Kind

ONE: Final = os.environ.get("MAINSPRING_SIM_SEED")
COUNT: Final = int(os.environ.get("MAINSPRING_SIM_N", "200"))
COUNTS: Final[dict[Kind, int]] = {"sagas": COUNT, "native": COUNT * 3 // 2, "flows": COUNT * 3 // 4}
FEWEST_RUNS: Final[dict[Kind, int]] = {"sagas": 4, "native": 4, "flows": 2}
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
Verdicts = dict[Chunk, "Future[list[Verdict]]"]


@pytest.fixture(scope="module")
def verdicts() -> Iterator[Verdicts]:
    """All chunks, judged by as many processes as there are processors."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn) as pool:
        yield {chunk: pool.submit(judge, chunk.seeds, chunk.kind) for chunk in CHUNKS}


@pytest.mark.parametrize("chunk", CHUNKS, ids=str)
def test_no_schedule_of_faults_loses_doubles_or_sticks_a_run(
    chunk: Chunk, verdicts: Verdicts
) -> None:
    judged = verdicts[chunk].result()
    bad = [verdict for verdict in judged if verdict.told]
    assert not bad, f"{len(bad)} of {len(judged)} histories are bad; the first:\n{bad[0].told}"
    assert min(verdict.faults for verdict in judged) >= FEWEST_FAULTS
    # A start may get lost, and is then no run; most histories have more than this.
    assert sum(verdict.runs for verdict in judged) >= FEWEST_RUNS[chunk.kind] * len(judged) * 0.8
