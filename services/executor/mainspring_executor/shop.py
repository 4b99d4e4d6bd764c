"""What every attempt is made with, whatever it does."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeVar

from mainspring.domain.message import Json
from mainspring.domain.task import Task
from mainspring.plugin import KeyValues, PluginFailed, Registry
from mainspring.ports import Blobs, Clock, HttpClient, Random
from mainspring.runtime.config import CallbackKey

T = TypeVar("T")


class Bounded(Protocol):
    """Runs a function where it can be stopped."""

    async def run(self, function: Callable[..., T], *args: object, seconds: float) -> T:
        """Return what the function does; raise what it raises, or `PluginFailed`."""
        ...

    def close(self) -> Awaitable[None]: ...


class NoValues:
    """The store of an executor that has none."""

    async def get(self, namespace: str, key: str) -> tuple[Json] | None:
        raise _absent(namespace, key)

    async def set(self, namespace: str, key: str, value: Json, *, ttl: float | None) -> int:
        raise _absent(namespace, key)

    async def delete(self, namespace: str, key: str) -> bool:
        raise _absent(namespace, key)

    async def keys(self, namespace: str, prefix: str, *, limit: int) -> list[str]:
        raise _absent(namespace, prefix)

    async def increment(self, namespace: str, key: str, by: float) -> float:
        raise _absent(namespace, key)


def _absent(namespace: str, key: str) -> PluginFailed:
    return PluginFailed(f"there is no key-value store to ask for {namespace}/{key}", final=True)


def without_values(task: Task) -> KeyValues:
    """Return a store that says that there is none."""
    return NoValues()


class Workshop(NamedTuple):
    """The ports, and what the deployment allows.

    `values` gives a task the key-value store of its project, `helpers` run what a plugin wants to
    be bounded.
    """

    http: HttpClient
    blobs: Blobs
    clock: Clock
    chance: Random
    keys: tuple[CallbackKey, ...] = ()
    public_url: str = "http://127.0.0.1:8080"
    name: str = "executor"
    max_answer: int = 4 << 20
    plugins: Registry = Registry({})
    values: Callable[[Task], KeyValues] = without_values
    helpers: Bounded | None = None
    allowed: frozenset[str] = frozenset()
    memory_mb: int = 512
    work_dir: str = ""
