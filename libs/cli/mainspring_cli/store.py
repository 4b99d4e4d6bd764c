"""What the verbs do with the store, loaded only when one of them is used.

`mainspring --help` and `mainspring status` do not wait for a database driver.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mainspring.store.rebuild import Rebuilt
    from mainspring.store.verify import Verdict


class StoreAway(RuntimeError):
    """The database cannot be reached, or does not let us in."""


async def migrate_database(dsn: str, progress: Callable[[str], object]) -> list[str]:
    """Bring the schema up to date and return the names of the migrations that ran."""
    from mainspring.store.migrate import migrate  # noqa: PLC0415

    with reaching(dsn):
        return await migrate(dsn, progress)


async def verify_log(dsn: str, stream: str, progress: Callable[[int], object]) -> "Verdict":
    """Walk one stream (`category/id`), or the whole log, and return what was found."""
    from mainspring.domain.envelope import StreamId  # noqa: PLC0415
    from mainspring.store.verify import verify  # noqa: PLC0415

    category, _, id = stream.partition("/")
    with reaching(dsn):
        wanted = StreamId(category, id) if stream else None
        return await verify(dsn, stream=wanted, progress=progress)


async def rebuild_views(dsn: str, progress: Callable[[str], object]) -> "Rebuilt":
    """Build the views anew from the log beside the live ones, and swap them."""
    from mainspring.store.rebuild import rebuild  # noqa: PLC0415

    with reaching(dsn):
        return await rebuild(dsn, progress)


@contextmanager
def reaching(dsn: str) -> Generator[None]:
    """Turn what a driver says of a database that is away into `StoreAway`."""
    from asyncpg import InterfaceError, PostgresError  # noqa: PLC0415

    try:
        yield
    except (OSError, PostgresError, InterfaceError) as error:
        # The URL may hold a password, so only what stands behind it is repeated.
        raise StoreAway(f"the database at {dsn.rpartition('@')[2]} is away: {error}") from error
