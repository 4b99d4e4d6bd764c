"""What a plugin may reach: the executor's side of `Context`, one for each call."""

from collections.abc import Callable
from typing import TypeVar

from mainspring.domain.task import Level, Task
from mainspring.plugin import KeyValues, PluginFailed
from mainspring.ports import Clock, HttpAnswer, HttpClient, Random
from mainspring_executor.book import Book
from mainspring_executor.prepare import USER_AGENT
from mainspring_executor.shop import Bounded, Workshop

T = TypeVar("T")


class Guarded:
    """The executor's client as one call may use it: within the call's time, and never closed."""

    def __init__(self, http: HttpClient, timeout: float) -> None:
        self._http = http
        self._timeout = timeout

    async def request(
        self,
        verb: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None,
        timeout: float,
        max_body: int,
    ) -> HttpAnswer:
        """Make one call.  Raises `HttpFault`."""
        if not any(name.lower() == "user-agent" for name in headers):
            headers = headers | {"User-Agent": USER_AGENT}
        return await self._http.request(
            verb,
            url,
            headers=headers,
            body=body,
            timeout=min(timeout, self._timeout),
            max_body=max_body,
        )

    async def close(self) -> None:
        """Do nothing: the client is everybody's."""


class Reach:
    """One call of one plugin, seen from inside."""

    def __init__(self, task: Task, shop: Workshop, book: Book, *, traceparent: str) -> None:
        self.execution: str = task.call.execution
        self.task: str = task.call.ref
        self.attempt: int = task.call.attempt
        self.project: str = task.project
        self.timeout: float = task.timeout
        self.idempotency_key: str = task.idempotency_key
        self.traceparent: str = traceparent
        self.max_output: int = shop.max_answer
        self.allowed: frozenset[str] = shop.allowed
        self.memory_mb: int = shop.memory_mb
        self.work_dir: str = shop.work_dir
        self.http: HttpClient = Guarded(shop.http, task.timeout)
        self.kv: KeyValues = shop.values(task)
        self.clock: Clock = shop.clock
        self.chance: Random = shop.chance
        self._book = book
        self._helpers: Bounded | None = shop.helpers
        self._until = shop.clock.monotonic() + task.timeout

    def log(self, message: str, level: Level = "INFO") -> None:
        """Add a line to the run's log; lines beyond the bound are dropped, and that is told."""
        self._book.write(message, level)

    async def bounded(
        self, function: Callable[..., T], *args: object, seconds: float | None = None
    ) -> T:
        """Run a function of a module in a helper process and return its result."""
        if self._helpers is None:
            raise PluginFailed("this executor has no helper processes", final=True)
        left = max(0.0, self._until - self.clock.monotonic())
        allowed = left if seconds is None else min(seconds, left)
        return await self._helpers.run(function, *args, seconds=allowed)
