"""What a plugin may reach while it works: nothing but this.

The executor hands it in, so that calls go through the egress guard, waits and instants through the
clock, and chance through the port; a plugin that opens a socket by itself is a fault of review.
"""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias, TypeVar

from mainspring.domain.message import Json
from mainspring.ports import Clock, HttpClient, Random

Level: TypeAlias = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
T = TypeVar("T")


class KeyValues(Protocol):
    """The project's key-value store; each change is durable when it returns."""

    async def get(self, namespace: str, key: str) -> tuple[Json] | None:
        """Return the value, boxed; None when there is none or it has expired."""
        ...

    async def set(self, namespace: str, key: str, value: Json, *, ttl: float | None) -> int:
        """Set a value for `ttl` seconds, or for ever; return its version."""
        ...

    async def delete(self, namespace: str, key: str) -> bool: ...

    async def keys(self, namespace: str, prefix: str, *, limit: int) -> list[str]: ...

    async def increment(self, namespace: str, key: str, by: float) -> float:
        """Add to a number (0 where there is none) and return the sum."""
        ...


class Context(Protocol):
    """One call of one plugin."""

    @property
    def execution(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def project(self) -> str: ...
    @property
    def timeout(self) -> float:
        """Seconds that the call may take in all."""
        ...

    @property
    def idempotency_key(self) -> str: ...
    @property
    def traceparent(self) -> str: ...
    @property
    def max_output(self) -> int:
        """Bytes of JSON that the output may have."""
        ...

    @property
    def allowed(self) -> frozenset[str]:
        """What tasks may do beyond calls: some of shell, python, container, requirements."""
        ...

    @property
    def memory_mb(self) -> int:
        """Mebibytes that a process started for the call may take."""
        ...

    @property
    def work_dir(self) -> str:
        """A folder for what outlives a call and can be made again; "" leaves the choice."""
        ...

    @property
    def http(self) -> HttpClient:
        """Calls through the egress guard."""
        ...

    @property
    def kv(self) -> KeyValues: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def chance(self) -> Random: ...

    def log(self, message: str, level: Level = "INFO") -> None:
        """Add a line to the run's log; lines beyond the bound are dropped, and that is told."""
        ...

    async def bounded(
        self, function: Callable[..., T], *args: object, seconds: float | None = None
    ) -> T:
        """Run a pure function of a module in a helper process and return its result.

        For what can take long or much memory by its input alone.  The process is ended when the
        time (at most the call's own) or its memory is used up, and `PluginFailed` says so.
        Arguments and result are pickled.  An exception of the function is raised here.
        """
        ...
