"""The verbs that work on a store: they say what they found, and their exit code is the answer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mainspring.testing import cluster


def run(*words: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and what was said, line by line."""
    argv = [sys.executable, "-m", "mainspring_cli", *words, "--json"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def execute(dsn: str, statement: str) -> None:
    async def work() -> None:
        link = await asyncpg.connect(dsn)
        try:
            await link.execute(statement)
        finally:
            await link.close()

    cluster.run_apart(work)


def test_migrate_says_what_it_applied_and_does_nothing_the_second_time(
    empty_database_url: str,
) -> None:
    code, said = run("migrate", "--database-url", empty_database_url)
    assert code == 0
    assert said[-1]["migrations"]
    code, said = run("migrate", "--database-url", empty_database_url)
    assert (code, said[-1]["migrations"]) == (0, [])


def test_a_store_that_is_away_is_named_without_its_password() -> None:
    code, (said,) = run("migrate", "--database-url", "postgresql://me:hidden@127.0.0.1:1/x")
    assert code == 1
    assert "127.0.0.1:1/x is away" in said["text"]
    assert "hidden" not in said["text"]


def test_the_doctor_of_another_schema_says_what_to_do(empty_database_url: str) -> None:
    code, (said,) = run("doctor", "--database-url", empty_database_url)
    assert (code, said["event"]) == (1, "failed")
    assert "run `mainspring migrate`" in said["text"]


def test_verify_finds_an_empty_log_whole(database_url: str) -> None:
    code, (said,) = run("verify", "--database-url", database_url)
    assert (code, said["event"], said["events"]) == (0, "whole", 0)


def test_verify_names_the_stream_that_does_not_fit(database_url: str) -> None:
    execute(
        database_url,
        "insert into mainspring.streams (category, id, project, version, hash)"
        " values ('execution', '00000000-0000-7000-8000-000000000001', 'default', 3, 'x'::bytea)",
    )
    code, (said,) = run("verify", "--database-url", database_url)
    assert (code, said["event"]) == (1, "broken")
    assert "all 3 events are missing" in said["text"]


def test_verify_says_when_there_is_no_such_stream(database_url: str) -> None:
    code, (said,) = run("verify", "execution/nothing", "--database-url", database_url)
    assert (code, said["event"]) == (1, "no_stream")


@pytest.mark.parametrize("verb", ["migrate", "verify", "rebuild", "doctor"])
def test_without_a_database_a_verb_says_how_to_name_one(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAINSPRING_DATABASE_URL", raising=False)
    code, (said,) = run(verb, "--home", str(tmp_path))
    assert code == 1
    assert "set MAINSPRING_DATABASE_URL" in said["text"]


def test_schema_writes_the_documents_and_then_finds_them_in_step(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path)]
    code, said = run("schema", "--check", *out)
    assert (code, said[-2]["event"]) == (1, "parted")
    assert run("schema", *out)[0] == 0
    assert json.loads((tmp_path / "openapi.json").read_bytes())["openapi"].startswith("3.1")
    assert run("schema", "--check", *out)[0] == 0
    (tmp_path / "openapi.json").write_text("{}")
    code, said = run("schema", "--check", *out)
    assert (code, said[0]["text"]) == (1, f"parted {tmp_path / 'openapi.json'}")


def test_rebuild_counts_what_it_folded(database_url: str) -> None:
    code, said = run("rebuild", "--database-url", database_url)
    assert code == 0
    assert said[-1]["rebuilt"] == {"events": 0, "streams": 0, "rows": 0}
