"""Measure ours and its peers side by side, and print one table.

    make bench-peers                             all but Prefect, two turns each, about 35 minutes
    make bench-peers ONLY=ours,dbos WORKLOADS=P1 some of them
    make bench-peers RUNS=1 SECONDS=2            once and short, to see that it works
    make bench-peers JSON=figures.json           write the figures too

A peer that can't be installed or started says so in the table and keeps no other from running.
Everything listens on the loopback alone, on free ports, and is ended by its pid.
"""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from benchmarks.peers import table, workloads
from benchmarks.peers.comparison import Comparison
from benchmarks.peers.engine import Engine
from benchmarks.peers.engines.absurd import Absurd
from benchmarks.peers.engines.dbos import Dbos
from benchmarks.peers.engines.ours import Ours
from benchmarks.peers.engines.prefect import Prefect
from benchmarks.peers.engines.restate import Restate
from benchmarks.peers.engines.temporal import Temporal
from benchmarks.peers.measure import Pace

ENGINES: Final[dict[str, Engine]] = {
    one.name: one for one in (Ours(), Temporal(), Restate(), Dbos(), Absurd(), Prefect())
}
ON_REQUEST: Final = {"prefect"}  # only where ONLY names them: they would take half of the time


def main() -> None:
    options = _options()
    try:
        chosen = workloads.chosen(_names(options.workloads))
        engines = _engines(_names(options.only))
    except ValueError as error:
        sys.exit(str(error))
    pace = Pace(seconds=options.seconds)
    comparison = Comparison(engines, pace)
    comparison.install()
    turns = list(workloads.order(chosen, options.runs, list(engines)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(comparison.take(turns))
    results = comparison.results(chosen)
    abouts = {name: engine.about for name, engine in engines.items()}
    print(_conditions(options.runs, pace))
    print(table.table(results, chosen, abouts), end="\n\n")
    print(table.about(abouts, comparison.versions))
    if options.json:
        Path(options.json).write_bytes(msgspec.json.format(msgspec.json.encode(results)))


def _options() -> argparse.Namespace:
    told = os.environ.get
    parser = argparse.ArgumentParser(prog="make bench-peers")
    parser.add_argument("--only", default=told("ONLY", ""))
    parser.add_argument("--workloads", default=told("WORKLOADS", ""))
    parser.add_argument("--runs", type=int, default=int(told("RUNS") or 2))
    parser.add_argument("--json", default=told("JSON", ""))
    # A shell counts its own seconds under this name, so the environment is not asked.
    parser.add_argument("--seconds", type=float, default=Pace().seconds)
    return parser.parse_args()


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _engines(names: Sequence[str]) -> dict[str, Engine]:
    if unknown := [name for name in names if name not in ENGINES]:
        raise ValueError(f"unknown engines {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    wanted = names or [name for name in ENGINES if name not in ON_REQUEST]
    return {name: engine for name, engine in ENGINES.items() if name in wanted}


def _conditions(turns: int, pace: Pace) -> str:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return (
        f"{machine}. {turns} turns of each engine at each workload: at most {pace.unloaded_runs} "
        f"runs or {pace.unloaded_s:g} s one at a time, then {pace.seconds:g} s with "
        f"{pace.in_flight} in flight and at most {pace.patience_s:g} s for the last of them.\n"
    )


if __name__ == "__main__":
    main()
