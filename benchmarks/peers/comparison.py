"""The whole comparison: installs, turns, and what became of each."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.peers import table
from benchmarks.peers.engine import Engine, NotHere, spawned, until_it_listens
from benchmarks.peers.measure import Measured, Pace, turn
from benchmarks.peers.table import Results
from benchmarks.peers.workloads import Turn, Workload
from mainspring.runtime import children
from mainspring.testing.cluster import throwaway_folder

ROOT: Final = Path(__file__).parents[2]


class Comparison:
    """Engines that take turns; one that fails to start is left out from then on."""

    def __init__(self, engines: Mapping[str, Engine], pace: Pace) -> None:
        self._engines = engines
        self._pace = pace
        self._measured: dict[tuple[str, str], list[Measured]] = {}
        self._faults: dict[tuple[str, str], str] = {}
        self._absent: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def install(self) -> None:
        """Install every engine; one that can't be is absent."""
        for name, engine in self._engines.items():
            _say(f"{name}: installing")
            try:
                self.versions[name] = engine.install()
            except NotHere as error:
                self._leave_out(name, str(error))

    async def take(self, turns: Sequence[Turn]) -> None:
        """Take all turns, one after the other, with one echo beside them."""
        with ExitStack() as exits:
            folder = exits.enter_context(throwaway_folder())
            port, log = children.free_port(), folder / "echo.log"
            argv = [sys.executable, "-m", "benchmarks.echo", str(port)]
            echo = exits.enter_context(spawned(argv, log, {"PYTHONPATH": str(ROOT)}))
            await until_it_listens(port, echo, log)
            began = time.monotonic()
            for n, one in enumerate(turns, 1):
                place = f"[{n}/{len(turns)}, {time.monotonic() - began:.0f} s]"
                _say(f"{place} {one.workload.key} {one.engine}: {await self._take(one, port)}")

    async def _take(self, one: Turn, port: int) -> str:
        key = (one.engine, one.workload.key)
        if one.engine in self._absent:
            return "left out"
        engine, echo = self._engines[one.engine], f"http://127.0.0.1:{port}"
        try:
            seen = await turn(engine, one.workload, echo, self._pace)
        except NotHere as error:
            self._leave_out(one.engine, f"did not start: {error}")
            return self._absent[one.engine]
        except Exception as error:  # noqa: BLE001 - no engine may stop the others
            self._faults[key] = f"{type(error).__name__}: {error}"
            return self._faults[key]
        self._measured.setdefault(key, []).append(seen)
        rate = seen.ended / seen.seconds if seen.seconds else 0.0
        return f"{rate:.1f} runs/s, {seen.failed} failed, {seen.unfinished} unfinished"

    def _leave_out(self, name: str, why: str) -> None:
        self._absent[name] = why
        self.versions.setdefault(name, "none")

    def results(self, workloads: Sequence[Workload]) -> Results:
        """Return the figures: engine, workload, figure."""
        return {
            name: {one.key: self._figures(name, one) for one in workloads} for name in self._engines
        }

    def _figures(self, name: str, workload: Workload) -> table.Figures:
        key = (name, workload.key)
        if key in self._measured:
            return table.figures(self._measured[key], workload)
        return {"error": self._faults.get(key) or self._absent.get(name) or "no turn was taken"}


def _say(text: str) -> None:
    print(" ".join(text.split())[:400], file=sys.stderr, flush=True)
