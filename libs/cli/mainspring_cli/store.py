"""The verbs that work on the store itself, loaded only when one is used.

`mainspring --help` and `mainspring status` do not wait for a database driver.
"""

from collections.abc import Callable


class StoreAway(RuntimeError):
    """The database cannot be reached, or does not let us in."""


async def migrate_database(dsn: str, progress: Callable[[str], object]) -> list[str]:
    """Bring the schema up to date and return the names of the migrations that ran."""
    from asyncpg import PostgresError  # noqa: PLC0415

    from mainspring.store.migrate import migrate  # noqa: PLC0415

    try:
        return await migrate(dsn, progress)
    except (OSError, PostgresError) as error:
        # The URL may hold a password, so only what stands behind it is repeated.
        raise StoreAway(f"the database at {dsn.rpartition('@')[2]} is away: {error}") from error
