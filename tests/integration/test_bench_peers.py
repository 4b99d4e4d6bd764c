"""Our own adapter of the comparison with peers, for a second on the real platform."""

from benchmarks.peers.engines.ours import Ours
from benchmarks.peers.measure import Pace, turn
from benchmarks.peers.table import figures
from benchmarks.peers.workloads import WORKLOADS


async def test_runs_of_one_step_are_counted_with_the_cpu_of_every_process() -> None:
    pace = Pace(seconds=1.0, unloaded_runs=5, in_flight=8, warm_runs=1)
    seen = await turn(Ours(), WORKLOADS[0], "http://127.0.0.1:1", pace)
    assert (seen.failed, seen.unfinished) == (0, 0)
    assert len(seen.alone_s) == 5
    assert seen.ended >= 8
    services = {"postgres", "nats", "api", "scheduler", "executor", "events"}
    assert set(seen.cpu_s) == set(seen.resident_mb) == services
    assert all(mb > 0 for mb in seen.resident_mb.values())
    assert figures([seen], WORKLOADS[0])["cpu_us_a_step"] > 0
