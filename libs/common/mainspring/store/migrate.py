"""Brings a database to the newest schema, forward only, and says whether it is there.

Each file of `migrations/` is applied once, in order of name, in a transaction of its own together
with the record of its name and hash.  An advisory lock lets any number of processes start at once:
one migrates, the others wait and find nothing to do.  There is no way down; a mistake is mended
by the next file.  A file that was changed after it was applied is refused.

A migration that needs a table for itself waits for its readers, and writers wait behind it.  So it
waits for a moment only, and comes again: a long reader holds up the migration, and never the log.
"""

import asyncio
import hashlib
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from mainspring.domain.errors import Corrupt, LogUnavailable
from mainspring.store.statements import SQL

LOCK_WAIT: Final = "50ms"
"""How long a statement of a migration stands in line for a table, and everyone else behind it."""

AGAIN_S: Final = 0.1
PATIENCE_S: Final = 600.0

Connection: TypeAlias = "asyncpg.Connection[Any] | PoolConnectionProxy[Any]"


def _load() -> dict[str, str]:
    found = files("mainspring.store").joinpath("migrations").iterdir()
    named = {f.name: f.read_text("utf-8") for f in found if f.name.endswith(".sql")}
    return dict(sorted(named.items()))


MIGRATIONS: Final = _load()
"""The text of each migration by its file name, in the order of application."""


def _silent(_line: str) -> None:
    pass


def hash_of(text: str) -> str:
    """Return the hash under which a migration is recorded."""
    return hashlib.sha256(text.encode()).hexdigest()


async def migrate(
    dsn: str,
    progress: Callable[[str], object] = _silent,
    *,
    migrations: dict[str, str] = MIGRATIONS,
) -> list[str]:
    """Apply what is missing and return the names; raise `Corrupt` when history was rewritten.

    Raises `LogUnavailable` when others leave no moment for a change within minutes.
    """
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        await connection.execute(SQL["migrations_lock"])
        await connection.execute(SQL["create_schema"])
        await connection.fetch(SQL["lock_timeout"], LOCK_WAIT)
        await connection.execute(SQL["create_migrations"])
        return await _apply(connection, migrations, progress)
    finally:
        # The session's end releases the lock, also when this process dies here.
        await connection.close()


async def _apply(
    connection: Connection, migrations: dict[str, str], progress: Callable[[str], object]
) -> list[str]:
    done = await applied(connection)
    missing = [name for name in migrations if name not in done]
    for name, text in migrations.items():
        if name in done and done[name] != hash_of(text):
            raise Corrupt(f"migration {name} was changed after it had been applied")
    for name in missing:
        if done and name < max(done):
            raise Corrupt(f"migration {name} comes before {max(done)}, which was applied")
        await _apply_one(connection, name, migrations[name], progress)
        progress(f"applied {name}")
    return missing


async def _apply_one(
    connection: Connection, name: str, text: str, progress: Callable[[str], object]
) -> None:
    """Apply a migration in the first moment that others leave for it."""
    for tried in range(round(PATIENCE_S / AGAIN_S)):
        try:
            async with connection.transaction():
                await connection.execute(text)
                await connection.execute(SQL["migration_record"], name, hash_of(text))
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if not tried:
                progress(f"others are in the way of {name}, trying again")
            await asyncio.sleep(AGAIN_S)  # noqa: TID251
        else:
            return
    raise LogUnavailable(f"others left no moment for {name} in {PATIENCE_S:g} s")


async def applied(connection: Connection) -> dict[str, str]:
    """Return the hashes of the migrations that were applied, by name."""
    rows = await connection.fetch(SQL["migrations_applied"])
    return {row["name"]: row["hash"] for row in rows}


async def current(database: "str | Connection") -> bool:
    """Return whether every migration of this code is applied as it is here.

    Later ones that this code does not know do not matter: a newer process may be there already.
    """
    if isinstance(database, str):
        connection = await asyncpg.connect(database, timeout=30)
        try:
            return await current(connection)
        finally:
            await connection.close()
    if not await database.fetchval(SQL["migrations_exist"]):
        return False
    return expected().items() <= (await applied(database)).items()


def expected() -> dict[str, str]:
    """Return the hashes of this code's migrations, by name."""
    return {name: hash_of(text) for name, text in MIGRATIONS.items()}
