"""No schedule of faults loses, doubles or sticks a run: two hundred histories, each from a seed.

`make sim SEED=7` lives through one history and tells all; `make sim N=5000` through many.
"""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pytest

from mainspring.testing.simulation.campaign import Verdict, judge
from mainspring.testing.simulation.run import FEWEST_FAULTS
from mainspring.testing.simulation.sagas.plot import FEWEST_RUNS

ONE = os.environ.get("MAINSPRING_SIM_SEED")
FIRST = int(ONE or 0)
COUNT = 1 if ONE else int(os.environ.get("MAINSPRING_SIM_N", "200"))
CHUNK = 10
CHUNKS = [range(FIRST + at, FIRST + min(at + CHUNK, COUNT)) for at in range(0, COUNT, CHUNK)]

Verdicts = dict[range, "Future[list[Verdict]]"]


@pytest.fixture(scope="module")
def verdicts() -> Iterator[Verdicts]:
    """All chunks, judged by as many processes as there are processors."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn) as pool:
        yield {chunk: pool.submit(judge, chunk) for chunk in CHUNKS}


@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_no_schedule_of_faults_loses_doubles_or_sticks_a_run(
    seeds: range, verdicts: Verdicts
) -> None:
    judged = verdicts[seeds].result()
    bad = [verdict for verdict in judged if verdict.told]
    assert not bad, f"{len(bad)} of {len(judged)} histories are bad; the first:\n{bad[0].told}"
    assert min(verdict.faults for verdict in judged) >= FEWEST_FAULTS
    # A start may get lost, and is then no run; most histories have more than this.
    assert sum(verdict.runs for verdict in judged) >= FEWEST_RUNS * len(judged) * 0.8
