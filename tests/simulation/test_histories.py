"""No schedule of faults loses, doubles or sticks a run: hundreds of histories, each from a seed.

`make sim N=5000` lives through so many; `make sim SEED=7` through one of sagas again,
`make sim SEED=native:7` through one of native workflows, `make sim SEED=flows:7` through one of
flows and what starts them.
"""

from typing import Final

import pytest
from tests.simulation.chunks import CHUNKS
from tests.simulation.conftest import Verdicts

from mainspring.testing.simulation.campaign import Chunk
from mainspring.testing.simulation.faults import KINDS
from mainspring.testing.simulation.run import FEWEST_FAULTS, Kind

FEWEST_RUNS: Final[dict[Kind, int]] = {"sagas": 10, "native": 10, "flows": 10}


@pytest.mark.parametrize("chunk", CHUNKS, ids=str)
def test_no_schedule_of_faults_loses_doubles_or_sticks_a_run(
    chunk: Chunk, verdicts: Verdicts
) -> None:
    judged = verdicts[chunk].result()
    bad = [verdict for verdict in judged if verdict.told]
    assert not bad, f"{len(bad)} of {len(judged)} histories are bad; the first:\n{bad[0].told}"
    assert min(verdict.hard for verdict in judged) >= FEWEST_FAULTS
    # A start may get lost, and is then no run; most histories have more than this.
    assert sum(verdict.runs for verdict in judged) >= FEWEST_RUNS[chunk.kind] * len(judged) * 0.8


def test_every_kind_of_fault_strikes_in_these_histories(verdicts: Verdicts) -> None:
    struck = {kind for each in verdicts.values() for one in each.result() for kind in one.faults}
    assert struck == KINDS.keys()
