"""Every query of a port goes by index, and every index serves a query.

The planner is asked with the settings of the connections, in plans that know no values; tables are
filled and analysed, so that a sequential scan would be chosen where nothing better is offered.
"""

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

from mainspring.domain.envelope import EMPTY
from mainspring.domain.rows import AttemptRow, BufferedRow, KeyValueRow, StepRow, TimerRow
from mainspring.store.connection import READ_SETTINGS, WRITE_SETTINGS
from mainspring.store.postgres import PostgresStore
from mainspring.store.statements import SQL
from mainspring.testing.samples import (
    NOW,
    append,
    approval_row,
    definition_append,
    execution_row,
    execution_stream,
    idempotency_row,
    requested,
    starter_row,
    succeeded,
    trigger_row,
    uuid,
)

Connection: TypeAlias = "asyncpg.Connection[Any]"

SERVES = {
    "read": {"events_one_per_version"},
    "read_all": {"events_pkey"},
    "read_project": {"events_by_project"},
    "read_newest": {"events_by_project"},
    "read_stream": {"events_one_per_version"},
    "head_position": {"events_pkey"},
    "append_repeated": {"events_one_per_version"},
    "walk_log": {"events_one_per_version"},
    "walk_stream": {"events_one_per_version"},
    "verify_heads": {"streams_pkey"},
    "rebuild_changed": {"events_pkey"},
    "execution": {"executions_pkey", "events_one_per_version"},
    "executions": {"executions_newest"},
    "executions_anywhere": {"executions_newest"},
    "steps": {"steps_pkey", "events_one_per_version"},
    "attempts": {"attempts_pkey", "events_one_per_version"},
    "definition_by_id": {"definitions_pkey", "events_one_per_version"},
    "definition_by_name": {"definitions_one_name", "events_one_per_version"},
    "definitions": {"definitions_newest", "events_one_per_version"},
    "definition_newest": {"definitions_one_name", "events_one_per_version"},
    "definition_versions": {"definitions_one_name", "events_one_per_version"},
    "lineage_by_id": {"definitions_pkey", "definitions_one_name", "events_one_per_version"},
    "lineage_by_name": {"definitions_one_name", "events_one_per_version"},
    "lineages": {"definitions_newest", "definitions_one_name", "events_one_per_version"},
    "lineages_anywhere": {
        "definitions_anywhere",
        "definitions_one_name",
        "events_one_per_version",
    },
    "children": {"executions_by_parent"},
    "trigger_by_id": {"triggers_pkey", "events_one_per_version"},
    "trigger_by_key": {
        "triggers_by_key",
        "triggers_one_waiting_key",
        "events_one_per_version",
    },
    "triggers": {"triggers_newest", "events_one_per_version"},
    "triggers_of_execution": {"triggers_by_execution", "events_one_per_version"},
    "triggers_waiting": {"triggers_one_waiting_key"},
    "trigger_stats": {"triggers_newest"},
    "purgeable": {"triggers_ended"},
    "approval_by_id": {"approvals_pkey", "events_one_per_version"},
    "approvals": {"approvals_newest", "events_one_per_version"},
    "approvals_anywhere": {"approvals_newest", "events_one_per_version"},
    "approvals_of_execution": {"approvals_by_execution", "events_one_per_version"},
    "idempotency": {"idempotency_one_answer"},
    "unhandled": {"executions_unhandled"},
    "backlog": {"executions_unhandled"},
    "live": {"executions_live"},
    "overdue": {"executions_waking"},
    "timers": {"timers_due"},
    "without_wakeup": {"executions_stuck"},
    "ailing": {
        "executions_stuck",
        "executions_unhandled",
        "executions_waking",
        "executions_still",
        "executions_pkey",
        "triggers_by_execution",
        "streams_pkey",
        "steps_pkey",
        "timers_pkey",
        "timers_due",
        "triggers_one_waiting_key",
        "triggers_pkey",
        "approvals_pending",
        "starters_due",
        "starters_newest",
    },
    "stuck": {"executions_stuck"},
    "lateness": {"executions_waking", "starters_due"},
    "queued": {"executions_queued"},
    "gates": {"executions_queued"},
    "ended_among": {"executions_pkey"},
    "payloads": {"events_one_per_version"},
    "kv_get": {"kv_one_key", "events_one_per_version"},
    "kv_keys": {"kv_one_key", "events_one_per_version"},
    "starter_by_id": {"starters_pkey", "events_one_per_version"},
    "starter_by_key": {"starters_one_key", "events_one_per_version"},
    "starters": {"starters_newest", "events_one_per_version"},
    "starters_anywhere": {"starters_newest", "events_one_per_version"},
    "starters_due": {"starters_due", "events_one_per_version"},
    "starters_next_due": {"starters_due"},
    "starters_following": {"starters_following", "events_one_per_version"},
    "definitions_newest_of": {
        "definitions_pkey",
        "definitions_one_name",
        "events_one_per_version",
    },
    "executions_by_id": {"executions_pkey"},
    "cursor": {"cursors_pkey"},
    "blob_get": {"blobs_pkey"},
    "snapshots_load": {"snapshots_pkey"},
    "blobs_forget": {"blobs_by_age", "blobs_pkey"},
    "keys_forget": {"idempotency_by_age"},
}
BY_CONSTRAINT_ALONE = {
    # Arbiters of upserts and guards: no query reads by them.
    "audit_pkey",
    "compiled_pkey",
    "timers_pkey",
    "migrations_pkey",
    "buffered_expiring",
    "buffered_pkey",
    "kv_pkey",
}


@pytest.fixture(scope="module")
def rows() -> int:
    return 1500


@pytest.fixture
async def planner(
    database_url: str, postgres_store: PostgresStore, rows: int
) -> AsyncIterator[Connection]:
    """A connection to a database with rows in every table and fresh statistics."""
    streams = [execution_stream(n) for n in range(rows)]
    batch = [
        append(
            s,
            EMPTY,
            execution_row(
                s,
                project=f"p{n % 50}",
                partition=n % 8,
                wake_at=NOW if n % 50 == 0 else None,
                created_at=NOW + n,
                parent=uuid(n // 2) if n % 50 == 0 else None,
                handled_version=int(n % 100 != 0),
                status="succeeded",
                waiting_for="slot" if n % 50 == 0 else None,
            ),
            StepRow(s.id, "a", "up", 1, 1, "task", "running", 1, NOW),
            AttemptRow(s.id, "a", "up", 1, 1, 2, True, NOW, 0.1),
            TimerRow(s.id, "a", "retry", n % 8, NOW + n),
            trigger_row(
                n,
                project=f"p{n % 50}",
                key=f"k{n % 300}:{n}",
                requested_at=NOW + n,
                status="received" if n % 3 else "waiting",
                ended_at=NOW + n if n % 3 else None,
            ),
            approval_row(n, project=f"p{n % 50}", requested_at=NOW + n),
            BufferedRow(f"b{n}", 1, f"p{n % 50}", f"k{n}", "me", NOW, NOW + n),
            idempotency_row(f"k{n}"),
            KeyValueRow(f"v{n}", f"p{n % 50}", f"k{n}", 1, NOW, NOW),
            starter_row(
                n,
                project=f"p{n % 50}",
                partition=n % 8,
                created_at=NOW + n,
                due_at=NOW + n if n % 3 == 0 else None,
                key=f"k{n}" if n % 3 == 1 else None,
                follows="order" if n % 50 == 2 else None,
            ),
            events=[requested(), succeeded(1)],
            project=f"p{n % 50}",
        )
        for n, s in enumerate(streams)
    ]
    names = [definition_append(uuid(n), f"d{n}", project=f"p{n % 50}") for n in range(rows)]
    await postgres_store.log.append([*batch, *names])
    connection = await asyncpg.connect(database_url, server_settings=dict(READ_SETTINGS))
    await connection.execute(
        "insert into mainspring.blobs select n::text, '' from generate_series(1, 1500) n;"
        "insert into mainspring.snapshots select 'execution', n::text, 1, '', ''"
        " from generate_series(1, 1500) n;"
        "insert into mainspring.cursors select n::text, n from generate_series(1, 1500) n;"
        "insert into mainspring.migrations select n::text, '' from generate_series(1, 1500) n"
    )
    await connection.execute("vacuum analyze")
    yield connection
    await connection.close()


@pytest.fixture
async def postgres_store(database_url: str) -> AsyncIterator[PostgresStore]:
    opened = await PostgresStore.open(database_url)
    yield opened
    await opened.close()


async def plan(connection: Connection, name: str) -> str:
    """Return the generic plan of a statement."""
    prepared = await connection.prepare(SQL[name])
    nulls = ", ".join("null" for _ in prepared.get_parameters())
    await connection.execute(f"prepare q as {SQL[name]}")
    values = f"({nulls})" if nulls else ""
    lines = await connection.fetch(f"explain execute q{values}")
    await connection.execute("deallocate q")
    return "\n".join(line[0] for line in lines)


async def test_plans_that_were_made_while_all_was_empty_still_go_by_index(
    database_url: str, postgres_store: PostgresStore
) -> None:
    connection = await asyncpg.connect(database_url, server_settings=dict(READ_SETTINGS))
    try:
        for name in ("executions", "payloads", "triggers", "approvals", "children", "timers"):
            text = await plan(connection, name)
            assert "Seq Scan" not in text, text
            assert "Bitmap" not in text, text
    finally:
        await connection.close()


async def test_every_query_goes_by_its_index(planner: Connection) -> None:
    for name, indexes in SERVES.items():
        text = await plan(planner, name)
        assert "Seq Scan" not in text, text
        for index in indexes:
            assert f" {index} " in text + " ", f"{name} does not use {index}\n{text}"
        # Lists come out of their index in order: nothing is sorted but a page.
        if name in {
            "executions",
            "read_all",
            "read_project",
            "read_newest",
            "read_stream",
            "walk_log",
        }:
            assert "Sort" not in text, text
    every = await planner.fetch("select indexname from pg_indexes where schemaname = 'mainspring'")
    used = set[str]().union(*SERVES.values())
    assert {row[0] for row in every} == used | BY_CONSTRAINT_ALONE


async def test_an_append_goes_by_index_even_when_planned_on_empty_tables(database_url: str) -> None:
    connection = await asyncpg.connect(database_url, server_settings=dict(WRITE_SETTINGS))
    text = await plan(connection, "append")
    await connection.close()
    assert "Seq Scan" not in text, text
    assert "streams_pkey" in text
    assert "timers_pkey" in text
    assert text.count("Hash Full Join") == 2
