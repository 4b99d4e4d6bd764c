"""What must hold when all is over: asked of the log, its chains, its views and the peer."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, get_args

import msgspec

from mainspring.domain.envelope import Envelope
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.rows import ExecutionRow
from mainspring.store.postgres import PostgresStore
from mainspring.store.verify import verify
from mainspring.testing import history
from mainspring.testing.chaos.faults import pause
from mainspring.testing.peer import Call

OPEN: Final = ("pending", "running", "paused", "unwinding")
ENDINGS: Final = frozenset(each.__name__ for each in get_args(e.Terminal))
BY_ITSELF: Final = frozenset({"schedule", "flow"})
PATIENCE_S: Final = 120.0
PAGE: Final = 5_000
MOST_TOLD: Final = 10


class Verdict(msgspec.Struct):
    """What was read, and everything that is wrong with it."""

    events: int = 0
    begun: int = 0
    ends: list[float] = []
    wrong: list[str] = []


async def settled(dsn: str) -> list[str]:
    """Return when nothing is left to do; say what is left after a long time."""
    store = await PostgresStore.open(dsn)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while left := await store.views.executions("default", status=OPEN, limit=500):
            if time.monotonic() > deadline:
                return [f"{len(left)} runs are stuck, such as {left[0]}"]
            await pause(0.5)
    finally:
        await store.close()
    return []


async def judged(
    dsn: str, expected: Mapping[str, str], calls: Sequence[Call], redelivered: int
) -> Verdict:
    """Return what the log says of every run that was accepted."""
    made = Counter(call.key for call in calls if call.key)
    reading = _Reading(made, redelivered)
    store = await PostgresStore.open(dsn)
    try:
        await reading.all_of(store)
        rows: dict[str, ExecutionRow] = {}
        ids = list(expected)
        for start in range(0, len(ids), PAGE // 5):
            page = await store.views.executions_by_id(ids[start : start + PAGE // 5])
            rows |= {row.id: row for row in page}
    finally:
        await store.close()
    found = reading.verdict(expected)
    found.wrong += _statuses(rows, expected)
    whole = await verify(dsn)
    if not whole.is_whole:
        found.wrong.append(f"the log is not whole: {whole.first}")
    return found


class _Reading:
    """One passage through the log."""

    def __init__(self, calls: Mapping[str, int], redelivered: int) -> None:
        self._checker = history.Checker(calls=calls, redelivered=redelivered)
        self._events = 0
        self._begun: dict[str, e.ExecutionRequested] = {}
        self._ends: list[float] = []
        self._ended: Counter[str] = Counter()

    async def all_of(self, store: PostgresStore) -> None:
        position = 0
        while page := await store.log.read_all(after=position, limit=PAGE):
            for envelope in page:
                self._feed(envelope)
            position = page[-1].position
            await pause(0)

    def _feed(self, envelope: Envelope) -> None:
        self._events += 1
        self._checker.feed(envelope)
        if envelope.type == "ExecutionRequested":
            event = event_of(envelope)
            if isinstance(event, e.ExecutionRequested):
                self._begun[envelope.stream.id] = event
        elif envelope.type in ENDINGS:
            self._ends.append(envelope.recorded_at)
            self._ended[envelope.stream.id] += 1

    def verdict(self, expected: Mapping[str, str]) -> Verdict:
        wrong: list[str] = []
        if violations := self._checker.finish():
            wrong.append(history.report(violations))
        lost = expected.keys() - self._begun.keys()
        unasked = [
            id
            for id, asked in self._begun.items()
            if id not in expected and asked.parent is None and asked.triggered_by not in BY_ITSELF
        ]
        endless = self._begun.keys() - self._ended.keys()
        twice = [id for id, count in self._ended.items() if count > 1]
        for ids, what in (
            (lost, "were accepted and are not there"),
            (unasked, "have begun unasked"),
            (endless, "have no end"),
            (twice, "have ended twice"),
        ):
            wrong += [f"{len(ids)} runs {what}, such as {next(iter(ids))}"] if ids else []
        return Verdict(self._events, len(self._begun), self._ends, wrong)


def _statuses(rows: Mapping[str, ExecutionRow], expected: Mapping[str, str]) -> list[str]:
    """Return what has not ended as its script says, with a few of them."""
    others = [id for id, end in expected.items() if id not in rows or rows[id].status != end]
    told = [
        f"{row.name} {id} is {row.status} ({row.reason}), not {expected[id]}"
        for id in others[:MOST_TOLD]
        if (row := rows.get(id)) is not None
    ]
    what = f"{len(others)} runs have not ended as their scripts say"
    return ["\n    ".join([what, *told])] if others else []
