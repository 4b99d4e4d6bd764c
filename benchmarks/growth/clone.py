"""A log of any size, made of copies of runs that were really made: by set-based SQL, in the server.

Each copy has an id of its own, instants of its own, and a hash chain that `verify` accepts; its
bodies are those of the original with the ids replaced.  So what is read is what the code of
today writes, and ten million events take minutes instead of an hour.
"""

from pathlib import Path
from typing import Final

import asyncpg

HERE: Final = Path(__file__).parent
_ASKED: Final = (
    "create temp table asked on commit drop as "
    "select $1::uuid id, $2::int runs, $3::float8 back, $4::float8 apart"
)
AT_ONCE: Final = 5_000
"""Runs in one transaction: their events are in the log beside each other, as under load."""


async def grow(dsn: str, original: str, runs: int, *, apart_s: float = 0.01) -> None:
    """Add so many copies of a run, one in each `apart_s` seconds up to now; durable on return."""
    link = await asyncpg.connect(dsn)
    try:
        statement = (HERE / "clone.sql").read_text()
        for done in range(0, runs, AT_ONCE):
            part = min(AT_ONCE, runs - done)
            async with link.transaction():
                await link.execute("select pg_advisory_xact_lock(6077427380160)")
                await link.execute(_ASKED, original, part, (runs - done) * apart_s, apart_s)
                await link.execute(statement)
    finally:
        await link.close()


async def settle(dsn: str) -> None:
    """Leave the tables as autovacuum leaves them."""
    link = await asyncpg.connect(dsn)
    try:
        await link.execute("vacuum (analyze)")
        await link.execute("checkpoint")
    finally:
        await link.close()


async def count(dsn: str) -> tuple[int, int]:
    """Return how many events the log has, and how many bytes the database."""
    link = await asyncpg.connect(dsn)
    try:
        events = await link.fetchval("select count(*) from mainspring.events")
        return events, await link.fetchval("select pg_database_size(current_database())")
    finally:
        await link.close()
