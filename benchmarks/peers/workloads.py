"""The workloads, the same for every engine, and the order in which they are taken.

A step computes nothing or posts to a local peer: what is measured is what the engine does around
it.  The engines take turns within a workload (A B A B), and one workload comes after the other,
so that a machine which slows down does so for all of them.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple


class Workload(NamedTuple):
    key: str
    title: str
    steps: int
    shape: Literal["chain", "fan"] = "chain"
    post: bool = False
    ms: int = 0  # how long the peer takes to answer

    def url(self, echo: str) -> str:
        """Where a step posts to; empty when it does not."""
        if not self.post:
            return ""
        return f"{echo}/run" + (f"?ms={self.ms}" if self.ms else "")


class Turn(NamedTuple):
    workload: Workload
    n: int
    engine: str


WORKLOADS: Final = (
    Workload("P1-noop", "one step, no-op", 1),
    Workload("P1-post", "one step, POST", 1, post=True),
    Workload("P2-noop", "ten steps in a row, no-op", 10),
    Workload("P2-post", "ten steps in a row, POST", 10, post=True),
    Workload("P3-noop", "fan-out of 50 with a join, no-op", 50, "fan"),
    Workload("P3-post", "fan-out of 50 with a join, POST", 50, "fan", post=True),
    Workload("P4-post", "three steps on a 20 ms mock, POST", 3, post=True, ms=20),
)


def chosen(names: Sequence[str]) -> list[Workload]:
    """Return the workloads of these names (`P1` is both of its kinds), or all of them.

    Raises ValueError with the names that there are.
    """
    found = [one for one in WORKLOADS if not names or one.key in names or one.key[:2] in names]
    known = {one.key for one in WORKLOADS} | {one.key[:2] for one in WORKLOADS}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"unknown workloads {', '.join(unknown)}; there are {sorted(known)}")
    return found


def order(workloads: Sequence[Workload], turns: int, engines: Sequence[str]) -> Iterator[Turn]:
    """Yield every turn: workload by workload, and in each all engines in a row, `turns` times."""
    for workload in workloads:
        for n in range(turns):
            for engine in engines:
                yield Turn(workload, n, engine)
