"""Run the benchmarks and print one table.

    make bench                       all of them, median of three runs
    make bench ONLY=a,c RUNS=1       some, once
    make bench JSON=figures.json     write the figures too

Load generator and peer run on the same cores as the platform.
"""

import asyncio
import os
import platform
import sys
from pathlib import Path

import msgspec
import uvloop

from benchmarks import raw_append, report
from benchmarks.report import Figures
from benchmarks.scenarios import SCENARIOS, TITLES
from benchmarks.stack import stack


async def measure(name: str, runs: int) -> Figures:
    """Each run has a platform of its own, empty at its start."""
    figures: list[Figures] = []
    for n in range(runs):
        print(f"{name}: run {n + 1} of {runs}", file=sys.stderr, flush=True)
        if name == "f":
            figures.append(await raw_append.measure())
            continue
        with stack() as whole:
            figures.append(await SCENARIOS[name](whole))
    return report.median(figures)


async def main() -> None:
    only = [name for name in os.environ.get("ONLY", "").split(",") if name]
    unknown = [name for name in only if name not in TITLES]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(TITLES)}")
    runs = int(os.environ.get("RUNS", "3"))
    results = {name: await measure(name, runs) for name in only or TITLES}
    if "b" in results and "f" in results:
        events_of_b = 6 * results["b"]["per_s"]
        results["b"]["percent_of_f"] = 100 * events_of_b / results["f"]["per_s"]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ")
    print(f"median of {runs}\n")
    print(report.table(results, TITLES))
    if target := os.environ.get("JSON"):
        Path(target).write_bytes(msgspec.json.format(msgspec.json.encode(results)))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
