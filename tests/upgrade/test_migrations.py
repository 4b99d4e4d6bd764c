"""What the newest migrations cost whoever appends meanwhile: no wait of more than 200 ms.

A migration that needs a table for itself stands in line behind its readers, and every writer stands
in line behind the migration; so it may not stand there long, and comes again instead.  The server
itself says how long anybody waited for a lock, which no load of the machine can make up.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
import pytest
from tests.upgrade.load import pause
from tests.upgrade.release import Release, unpacked

from mainspring.runtime.servers import PostgresServer
from mainspring.store.migrate import MIGRATIONS, current, migrate
from mainspring.testing.cluster import throwaway_folder

MOST_MS: Final = 200
RUNS: Final = 50_000
READING_S: Final = 1.0
PROBE: Final = {
    "9999_probe.sql": "-- Needs a table for itself, whatever the newest migrations need.\n"
    "alter table mainspring.executions add column probe text not null default '';\n"
    "create index executions_probe on mainspring.executions (probe) where probe <> '';"
}
FILL: Final = """
insert into mainspring.executions
  (id, project, partition, definition, dialect, name, version, status, stream_version,
   handled_version, created_at, updated_at, current, triggered_by, created_by, tags)
select gen_random_uuid(), 'default', n % 8, 'd', 'sagas', 'filled', '1', 'succeeded', 5, 5,
       now() - n * interval '1 second', now(), '[]', 'api', 'anonymous', '{}'
  from generate_series(1, $1::int) n
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return unpacked(tmp_path_factory.mktemp("release"))


@pytest.fixture
def server() -> Generator[PostgresServer]:
    with throwaway_folder() as folder:
        found = PostgresServer(folder / "postgres", durable=False)
        found.start()
        yield found
        found.stop()


async def test_new_migrations_keep_nobody_from_appending(
    release: Release, server: PostgresServer
) -> None:
    await migrate(server.dsn, migrations=release.migrations)
    await filled(server.dsn)
    with appender(server.dsn, release) as begun:
        async with long_reader(server.dsn):
            since = time.time()  # noqa: TID251 - compared with what the appender notes
            applied = await migrate(server.dsn, migrations={**MIGRATIONS, **PROBE})
            until = time.time()  # noqa: TID251
        done = begun()
    assert applied[-1] == "9999_probe.sql"
    assert until - since >= READING_S / 2, "no reader was in the way"
    assert await current(server.dsn)
    during = [at for at in done if since <= at <= until]
    gaps = [later - earlier for earlier, later in pairwise([since, *during, until])]
    assert max(gaps) < READING_S / 2, "the appends waited for the reader"
    waited = [line for line in server.log.read_text().splitlines() if "still waiting" in line]
    assert not [line for line in waited if "RowExclusiveLock" in line], waited


async def filled(dsn: str) -> None:
    """Have a table of some size, and a server that tells of every long wait for a lock."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(FILL, RUNS)
    name = await connection.fetchval("select current_database()")
    await connection.execute(f'alter database "{name}" set log_lock_waits = on')
    await connection.execute(f"alter database \"{name}\" set deadlock_timeout = '{MOST_MS}ms'")
    await connection.close()


@asynccontextmanager
async def long_reader(dsn: str) -> AsyncGenerator[None]:
    """Have somebody read the runs, and take their time."""
    connection = await asyncpg.connect(dsn)
    reading = connection.transaction()
    await reading.start()
    await connection.fetchval("select count(*) from mainspring.executions")

    async def read_on() -> None:
        await pause(READING_S)
        await reading.rollback()

    task = asyncio.create_task(read_on())
    yield
    await task
    await connection.close()


@contextmanager
def appender(dsn: str, release: Release) -> Generator["Ended"]:
    """Have the release append all the time; the value ends it, and tells when it was done."""
    process = subprocess.Popen(
        [sys.executable, "-P", str(Path(__file__).with_name("appender.py")), dsn],
        env={**os.environ, "PYTHONPATH": release.path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Ended(process)
    finally:
        process.kill()
        process.communicate()


class Ended:
    """An appender that has begun."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"

    def __call__(self) -> list[float]:
        """Let it end; return when each of its appends was done."""
        said, _ = self._process.communicate(timeout=30)
        assert self._process.returncode == 0
        return msgspec.json.decode(said, type=list[float])
