"""The road and the map lead to one place, whoever walks it, and how often."""

import asyncio
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

import mainspring.store
from mainspring.domain.errors import Corrupt
from mainspring.store.migrate import MIGRATIONS, current, migrate

Connection: TypeAlias = "asyncpg.Connection[Any]"

SCHEMA = Path(mainspring.store.__file__).with_name("schema.sql")

CATALOG = {
    "columns": """
      select table_name, column_name, ordinal_position, data_type, collation_name, is_nullable,
             column_default, is_identity
        from information_schema.columns where table_schema = 'mainspring'
       order by 1, 3""",
    "constraints": """
      select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'mainspring'::regnamespace
       order by 1, 2""",
    "indexes": """
      select tablename, indexname, indexdef from pg_indexes where schemaname = 'mainspring'
       order by 1, 2""",
    "tables": """
      select relname, relkind, reloptions::text from pg_class
       where relnamespace = 'mainspring'::regnamespace
       order by 1""",
}


async def catalog(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    """Return all that the catalog knows of the schema."""
    connection = await asyncpg.connect(dsn)
    found = {
        name: [tuple(row) for row in await connection.fetch(query)]
        for name, query in CATALOG.items()
    }
    await connection.close()
    return found


async def execute(dsn: str, text: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(text)
    await connection.close()


async def test_the_migrations_lead_to_the_schema(
    empty_database_url: str, database_url: str
) -> None:
    await execute(empty_database_url, SCHEMA.read_text())
    mapped, walked = await catalog(empty_database_url), await catalog(database_url)
    assert walked == mapped
    assert walked["columns"]


async def test_migrating_twice_does_nothing_the_second_time(empty_database_url: str) -> None:
    heard: list[str] = []
    assert not await current(empty_database_url)
    assert await migrate(empty_database_url, heard.append) == list(MIGRATIONS)
    assert heard == [f"applied {name}" for name in MIGRATIONS]
    assert await current(empty_database_url)
    assert await migrate(empty_database_url) == []


async def test_of_several_processes_one_migrates(empty_database_url: str) -> None:
    done = await asyncio.gather(*(migrate(empty_database_url) for _ in range(5)))
    assert sorted(done) == [[]] * 4 + [list(MIGRATIONS)]
    assert await current(empty_database_url)


async def test_a_migration_that_fails_leaves_what_was_before(empty_database_url: str) -> None:
    good = "create table mainspring.one (n int)"
    bad = "create table mainspring.two (n int); select 1 / 0"
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database_url, migrations={"1.sql": good, "2.sql": bad})
    tables = [row[0] for row in (await catalog(empty_database_url))["tables"]]
    assert "one" in tables
    assert "two" not in tables
    mended = {"1.sql": good, "2.sql": "create table mainspring.two (n int)"}
    assert await migrate(empty_database_url, migrations=mended) == ["2.sql"]


async def test_a_migration_that_was_changed_afterwards_is_refused(empty_database_url: str) -> None:
    await migrate(empty_database_url, migrations={"1.sql": "select 1"})
    with pytest.raises(Corrupt, match=r"1\.sql was changed"):
        await migrate(empty_database_url, migrations={"1.sql": "select 2"})


async def test_there_is_no_way_back(empty_database_url: str) -> None:
    await migrate(empty_database_url, migrations={"2.sql": "select 1"})
    with pytest.raises(Corrupt, match=r"1\.sql comes before 2\.sql"):
        await migrate(empty_database_url, migrations={"1.sql": "select 1", "2.sql": "select 1"})


async def test_a_changed_migration_is_not_current_and_a_later_one_does_not_matter(
    database_url: str,
) -> None:
    await execute(database_url, "insert into mainspring.migrations values ('9999_later.sql', 'h')")
    assert await current(database_url)
    await execute(database_url, "update mainspring.migrations set hash = 'other'")
    assert not await current(database_url)


def test_migrations_are_numbered_and_say_why() -> None:
    for n, (name, text) in enumerate(MIGRATIONS.items(), start=1):
        assert name.startswith(f"{n:04}_")
        assert text.startswith("-- ")
