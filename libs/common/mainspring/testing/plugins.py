"""A plugin's world, held in the hand: clock, chance, log, key-values and peers in memory.

`TestContext` is a whole `Context`.  Its time stands still but for `clock.sleep`, its chance repeats
from one context to the next, and `bounded` calls the function right here, so a test meets the
plugin's own failures and no process.  That helper processes end what runs away is tested where they
are made.

    context = TestContext()
    context.http.on("GET", "http://shop.test/", Reply(200, {"id": 7}))
    output = await run({"url": "http://shop.test/"}, context)
"""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from mainspring.domain.message import Json
from mainspring.plugin.context import Level
from mainspring.testing.http import ScriptedHttp

BEGAN_AT = 1_767_323_045.5  # 2026-01-02T03:04:05.5Z
T = TypeVar("T")


class StillClock:
    """Time that passes by `sleep` alone; `slept` tells how long each was."""

    def __init__(self, at: float = BEGAN_AT) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


class CountedChance:
    """Seeds that differ from one another and are the same in every run."""

    def __init__(self) -> None:
        self._given = 0

    def seed(self) -> str:
        """Return the next 128 bits in hex."""
        self._given += 1
        return sha256(str(self._given).encode()).hexdigest()[:32]


class MemoryKeyValues:
    """`KeyValues` over a dict; what has expired by the clock is not there."""

    def __init__(self, clock: StillClock) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str], tuple[Json, int, float | None]] = {}

    async def get(self, namespace: str, key: str) -> tuple[Json] | None:
        """Return the value, boxed; None when there is none or it has expired."""
        found = self._living(namespace, key)
        return None if found is None else (found[0],)

    async def set(self, namespace: str, key: str, value: Json, *, ttl: float | None) -> int:
        """Set a value for `ttl` seconds, or for ever; return its version."""
        found = self._living(namespace, key)
        version = 1 if found is None else found[1] + 1
        until = None if ttl is None else self._clock.now() + ttl
        self._entries[namespace, key] = (value, version, until)
        return version

    async def delete(self, namespace: str, key: str) -> bool:
        """Forget a key; False when it was not there."""
        was_there = self._living(namespace, key) is not None
        self._entries.pop((namespace, key), None)
        return was_there

    async def keys(self, namespace: str, prefix: str, *, limit: int) -> list[str]:
        """Return the keys that begin so, in order."""
        fitting = [
            key
            for of, key in sorted(self._entries)
            if of == namespace and key.startswith(prefix) and self._living(of, key)
        ]
        return fitting[:limit]

    async def increment(self, namespace: str, key: str, by: float) -> float:
        """Add to a number (0 where there is none) and return the sum; raise ValueError if none."""
        found = self._living(namespace, key)
        value, version, until = found or (0, 0, None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{key}: the value is not a number")  # noqa: TRY004 - as the store
        self._entries[namespace, key] = (value + by, version + 1, until)
        return value + by

    def _living(self, namespace: str, key: str) -> tuple[Json, int, float | None] | None:
        found = self._entries.get((namespace, key))
        if found is None or (found[2] is not None and found[2] <= self._clock.now()):
            return None
        return found


class TestContext:
    """`Context` in memory; what a test would vary is an attribute."""

    __test__ = False  # pytest takes every class of such a name for tests

    def __init__(self, *, timeout: float = 30.0, allowed: frozenset[str] = frozenset()) -> None:
        self.execution = "01900000-0000-7000-8000-000000000001"
        self.task = "task"
        self.attempt = 1
        self.project = "default"
        self.timeout = timeout
        self.idempotency_key = f"{self.execution}/{self.task}/1"
        self.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        self.max_output = 4 << 20
        self.allowed = allowed
        self.memory_mb = 512
        self.work_dir = ""
        self.clock = StillClock()
        self.chance = CountedChance()
        self.http = ScriptedHttp(self.clock)
        self.kv = MemoryKeyValues(self.clock)
        self.logged: list[tuple[str, str]] = []
        """(level, message) of each line."""

    def log(self, message: str, level: Level = "INFO") -> None:
        """Keep a line."""
        self.logged.append((level, message))

    async def bounded(
        self, function: Callable[..., T], *args: object, seconds: float | None = None
    ) -> T:
        """Call the function here and now; what it raises is raised."""
        await asyncio.sleep(0)  # as every helper, it takes a turn
        return function(*args)
