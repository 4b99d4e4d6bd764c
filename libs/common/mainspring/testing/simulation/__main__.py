"""`python -m mainspring.testing.simulation N`: so many histories, on every core.

`--seed flows:7` lives through one again and tells all, `--script FILE` through a script of one.
The first history that is bad is made as short as it can be.  Exits with 1 when there is one.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from mainspring.testing.simulation import shrink
from mainspring.testing.simulation.campaign import (
    Chunk,
    Verdict,
    chunks,
    counted,
    judge,
    live,
    parsed,
)
from mainspring.testing.simulation.scripts import Script, read

SHOWN = 5
"""Bad histories that are told in full."""


def main() -> int:
    """Live through what is asked for; 0 when every history is good."""
    parser = argparse.ArgumentParser(prog="python -m mainspring.testing.simulation")
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", default="")
    parser.add_argument("--script", type=Path)
    asked = parser.parse_args()
    if asked.script is not None:
        history = live(read(asked.script.read_bytes()))
        _say(shrink.told(history))
        return 1 if history.violations else 0
    if asked.seed:
        kind, seed = parsed(asked.seed)
        work = [Chunk(kind, range(seed, seed + 1))]
    else:
        work = chunks(asked.count)
    began = time.monotonic()
    verdicts = list(_lived(work))
    took = time.monotonic() - began
    bad = [verdict for verdict in verdicts if verdict.told]
    for line in counted(verdicts):
        _say(line)
    runs, events = sum(one.runs for one in verdicts), sum(one.events for one in verdicts)
    _say(
        f"{len(verdicts)} histories with {runs} runs and {events} events in {took:.1f} s, "
        f"{len(verdicts) / took:.1f} each second; {len(bad)} are bad"
    )
    for verdict in bad[:SHOWN]:
        _say(verdict.told)
    if bad:
        _shrink(bad[0])
    return 1 if bad else 0


def _shrink(bad: Verdict) -> None:
    """Make a bad history short, and tell it."""
    shrinker = shrink.Shrinker(live)
    short = shrinker.shrunk(live(Script(bad.name)))
    _say(f"made shorter by {shrinker.tries} tries:\n{shrink.told(short)}")


def _lived(work: list[Chunk]) -> Iterator[Verdict]:
    if len(work) == 1:
        yield from judge(work[0].seeds, work[0].kind)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn) as pool:
        for done in as_completed(pool.submit(judge, chunk.seeds, chunk.kind) for chunk in work):
            for verdict in done.result():
                if verdict.told:
                    _say(verdict.told.splitlines()[0])
                yield verdict


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
