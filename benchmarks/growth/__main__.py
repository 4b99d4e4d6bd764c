"""Measure how cost grows; print a table of each measure, keep its CSV, draw its plot.

    make bench-growth                    all measures, at most 30 minutes on two quiet cores
    make bench-growth ONLY=steps,log     some of them
    make bench-growth DRAW=1             only draw what the CSV files have
    make bench-growth OUT=folder         write there instead of docs/benchmarks

A measure that fails says so, keeps its old files, and keeps no other from being taken.
"""

import asyncio
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from benchmarks.growth import series
from benchmarks.growth.measures import MEASURES
from benchmarks.peers import environments

HERE: Final = Path(__file__).parent
OUT: Final = HERE.parent.parent / "docs" / "benchmarks"


def main() -> None:
    names = [name for name in os.environ.get("ONLY", "").split(",") if name]
    if unknown := [name for name in names if name not in MEASURES]:
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    out = Path(os.environ.get("OUT") or OUT)
    out.mkdir(parents=True, exist_ok=True)
    wanted = names or list(MEASURES)
    failed = [] if os.environ.get("DRAW") else [name for name in wanted if not _take(name, out)]
    _draw([name for name in wanted if (out / f"{name}.csv").exists()], out)
    if failed:
        sys.exit(f"not taken: {', '.join(failed)}")


def _take(name: str, out: Path) -> bool:
    """Take one measure; say whether it could be taken."""
    print(f"{name}: {datetime.now(UTC):%H:%M:%S} ...", file=sys.stderr, flush=True)
    measure, began = MEASURES[name], time.monotonic()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rows = runner.run(measure.take())
    except Exception:  # noqa: BLE001 - one that fails keeps no other from being taken
        traceback.print_exc()
        return False
    series.write(out / f"{name}.csv", measure.shape, rows)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"\n## {measure.shape.title} ({name})\n")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {time.monotonic() - began:.0f} s\n")
    print(series.table(measure.shape, rows), flush=True)
    return True


def _draw(names: Sequence[str], out: Path) -> None:
    """Draw with a library of its own environment: nothing else here needs one."""
    program = environments.python("growth", HERE / "requirements.txt")
    drawings = [_drawing(name, out) for name in names]
    told = msgspec.json.encode(drawings)
    subprocess.run([program, HERE / "draw.py"], input=told, check=True, timeout=120)


def _drawing(name: str, out: Path) -> dict[str, object]:
    shape, rows = MEASURES[name].shape, series.read(out / f"{name}.csv")
    panels = [
        {
            "unit": panel.unit,
            "log": panel.log,
            "lines": {
                legend: [row.figures.get(figure) for row in rows]
                for figure, legend in panel.lines.items()
            },
        }
        for panel in shape.panels
    ]
    under_load = any(row.figures.get(series.OTHERS, 0.0) > series.BUSY for row in rows)
    return {
        "file": str(out / f"{name}.png"),
        "title": shape.title + (" (taken under load)" if under_load else ""),
        "x": shape.x,
        "log_x": shape.log_x,
        "at": [row.x for row in rows],
        "panels": panels,
    }


if __name__ == "__main__":
    main()
