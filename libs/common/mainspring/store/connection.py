"""Connections to Postgres: how values travel, and what is done when the server is away.

Instants travel as whole microseconds and come back as the same seconds, exactly; JSON travels as
its own bytes, so what was hashed is what is stored.  No asyncpg error leaves this package: what may
pass by itself is tried again for a bounded time and is then `LogUnavailable`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import asyncpg
import msgspec

from mainspring.domain.envelope import to_micros
from mainspring.domain.errors import LogUnavailable

Connection: TypeAlias = "asyncpg.Connection[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"
Record: TypeAlias = "asyncpg.Record"
T = TypeVar("T")

READ_SETTINGS: Final = {
    "jit": "off",
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "30s",
    "plan_cache_mode": "force_generic_plan",
    # A plan made while the tables are empty must still be right when they are large, and statistics
    # come a minute late: every access goes by index.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
"""Plans are made once a connection: planning costs more than any of these statements."""

WRITE_SETTINGS: Final = {
    "jit": "off",
    "statement_timeout": "20s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "plan_cache_mode": "force_generic_plan",
    # A plan made while the tables are empty must still be right when they are large, and statistics
    # come a minute late: every access goes by index.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # What the driver says of a connection that broke between two of its own steps.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What passes by itself: a server that restarts, fails over, is full or is slow."""

_EPOCH_2000: Final = 946_684_800_000_000
_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.5


async def prepare(connection: Connection) -> None:
    """Teach a connection how instants and JSON travel."""
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        encoder=_from_seconds,
        decoder=_to_seconds,
        format="tuple",
    )
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=_to_json, decoder=bytes, format="binary"
    )


def _from_seconds(at: float) -> tuple[int]:
    return (to_micros(at) - _EPOCH_2000,)


def _to_seconds(cell: tuple[int]) -> float:
    return (cell[0] + _EPOCH_2000) / 1_000_000


def _to_json(value: object) -> bytes:
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


async def patiently(attempt: Callable[[], Awaitable[T]], *, patience: float) -> T:
    """Return what `attempt` returns; while the server is away, try again for `patience` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    pause = _FIRST_PAUSE_S
    while True:
        try:
            return await attempt()
        except AWAY as error:
            if loop.time() + pause > deadline:
                raise LogUnavailable(f"the event log does not answer: {error!r}") from error
        except asyncpg.PostgresError as error:
            raise LogUnavailable(f"the event log cannot answer: {error!r}") from error
        # The wait for a real server; simulated time never comes here.
        await asyncio.sleep(pause)  # noqa: TID251
        pause = min(2 * pause, _LONGEST_PAUSE_S)


class Link:
    """A pool of connections for statements that may run twice."""

    def __init__(self, pool: Pool, patience: float) -> None:
        self._pool = pool
        self._patience = patience

    async def run(self, statement: str, *values: object) -> Sequence[Record]:
        """Return the rows of a statement.  Raises `LogUnavailable`."""
        return await patiently(
            lambda: self._pool.fetch(statement, *values), patience=self._patience
        )

    async def find(self, statement: str, *values: object) -> Sequence[Record]:
        """Return the rows of a query; none when nothing stored could be like `values`."""
        return await patiently(lambda: self._find(statement, values), patience=self._patience)

    async def _find(self, statement: str, values: Sequence[object]) -> Sequence[Record]:
        try:
            return await self._pool.fetch(statement, *values)
        except asyncpg.DataError:  # a NUL in a text, an id that is not one
            return []
