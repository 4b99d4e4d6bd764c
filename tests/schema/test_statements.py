"""Every statement has a file, a contract and a caller; the columns are the structs' fields."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

import mainspring.store
from mainspring.domain.rows import (
    BufferedExpired,
    BufferedGone,
    Change,
    KeyValueGone,
    Row,
    TimerGone,
    TriggersGone,
)
from mainspring.store.changes import PRIMARY_KEYS, TABLES
from mainspring.store.parameters import ROWS, VIEWS
from mainspring.store.pruning import append_for
from mainspring.store.statements import SQL

HERE = Path(mainspring.store.__file__).parent
CODE = "\n".join(path.read_text() for path in HERE.glob("*.py"))


def table(name: str) -> list[str]:
    """Return the columns of a table, in order, as `schema.sql` has them."""
    text = (HERE / "schema.sql").read_text()
    body = re.search(rf"create table mainspring\.{name} \((.*?)\n\)", text, re.DOTALL)
    assert body
    lines = [line.split()[0] for line in body[1].strip().splitlines()]
    return [word for word in lines if word != "constraint"]


def test_every_file_is_named_in_the_code() -> None:
    quoted = set(re.findall(r'"([a-z_]+)"', CODE))
    assert set(SQL) <= quoted


def test_every_name_has_a_file() -> None:
    assert set(re.findall(r'SQL\["([a-z_]+)"\]', CODE)) <= set(SQL)


@pytest.mark.parametrize("name", sorted(SQL))
def test_a_statement_begins_with_its_contract_and_is_one(name: str) -> None:
    text = SQL[name]
    assert text.startswith("-- ")
    bare = re.sub(r"--.*", "", text)
    assert ";" not in bare
    highest = max((int(n) for n in re.findall(r"\$(\d+)", bare)), default=0)
    assert {int(n) for n in re.findall(r"\$(\d+)", bare)} == set(range(1, highest + 1))


REMOVALS = {TimerGone, TriggersGone, BufferedGone, KeyValueGone, BufferedExpired}


@pytest.mark.parametrize("kind", [kind for kind in TABLES if kind not in REMOVALS])
def test_the_columns_of_a_view_are_the_fields_of_its_row(kind: type[Row]) -> None:
    assert table(TABLES[kind]) == list(kind.__struct_fields__)


@pytest.mark.parametrize("kind", ROWS)
def test_the_statement_takes_the_fields_of_each_row(kind: type[Change]) -> None:
    part = re.search(rf"^{VIEWS[kind]} as \((.*?)^\)", SQL["append"], re.DOTALL | re.MULTILINE)
    assert part
    record = re.search(r"as r \(n int, (.*?)\)\s", re.sub(r"\s+", " ", part[1]) + " ")
    assert record
    assert [column.split()[0] for column in record[1].split(", ")] == list(kind.__struct_fields__)


def test_a_pruned_statement_keeps_what_it_needs_and_numbers_it_anew() -> None:
    every = tuple(VIEWS.values())
    assert append_for(frozenset(every), every).split() == _code(SQL["append"]).split()
    small = append_for(frozenset({"audit"}), every)
    assert "mainspring.audit" in small
    assert "mainspring.steps" not in small
    assert {int(n) for n in re.findall(r"\$(\d+)", small)} == set(range(1, 6))


def _code(sql: str) -> str:
    return sql[sql.index("\nwith ") + 1 :]


@pytest.mark.parametrize("name", sorted(PRIMARY_KEYS))
def test_a_row_is_replaced_by_the_primary_key_of_its_table(name: str) -> None:
    text = (HERE / "schema.sql").read_text()
    body = text.split(f"create table mainspring.{name} (")[1]
    key = re.search(r"primary key \((.*?)\)", body)
    assert key
    columns = key[1].split(", ")
    found = PRIMARY_KEYS[name](cast("Change", SimpleNamespace(**{each: each for each in columns})))
    assert (found if isinstance(found, tuple) else (found,)) == tuple(columns)
