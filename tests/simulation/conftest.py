"""The histories' own processes: begun with the first test of all, and last in line for a core.

Most other tests wait for servers, so the cores have time between; begun only when their own tests
are reached, they would add minutes to the whole.
"""

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Final

import pytest
from tests.simulation.chunks import CHUNKS

from mainspring.testing.simulation.campaign import Chunk, Verdict, judge

LAST_IN_LINE: Final = 19
Verdicts = dict[Chunk, "Future[list[Verdict]]"]
_POOL = pytest.StashKey[ProcessPoolExecutor]()
_VERDICTS = pytest.StashKey[Verdicts]()


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any(item.path.name == "test_histories.py" for item in session.items)
    if not wanted or session.config.getoption("collectonly"):
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        os.cpu_count(), mp_context=spawn, initializer=os.nice, initargs=(LAST_IN_LINE,)
    )
    session.config.stash[_POOL] = pool
    session.config.stash[_VERDICTS] = {
        chunk: pool.submit(judge, chunk.seeds, chunk.kind) for chunk in CHUNKS
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    pool = config.stash.get(_POOL, None)
    if pool is not None:
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def verdicts(request: pytest.FixtureRequest) -> Verdicts:
    """What is found of each chunk, as soon as it has been lived through."""
    return request.config.stash[_VERDICTS]
