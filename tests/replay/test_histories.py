"""Histories that were written by earlier code are folded by today's to what their views said."""

import asyncio
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mainspring.domain import catalog
from mainspring.domain.ailments import Ailment
from mainspring.domain.envelope import Envelope
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.upcast import event_in
from mainspring.store import views
from mainspring.store.memory import MemoryStore
from mainspring.store.tables import Tables
from mainspring.testing.history import check, report
from mainspring.testing.kept import from_lines, rows_in, to_lines
from mainspring.testing.tours import TOURS

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.jsonl"))


def folded(log: list[Envelope]) -> Tables:
    """Return the views of a log with one run."""
    compiled, *stream = log
    event = event_in(compiled)
    assert isinstance(event, catalog.DefinitionCompiled)
    tables = Tables()
    before: Execution = absent(stream[0].stream.id, event.definition)
    changes, _ = views.project(before, stream, [event_of(one) for one in stream])
    for change in changes:
        tables.write(change)
    return tables


def named(rows: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the fields alone that were written then: later code may have added some."""
    fields = {name for row in wanted for name in row}
    return [{name: value for name, value in row.items() if name in fields} for row in rows]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_kept_history_is_folded_to_what_its_views_said(path: Path):
    wanted = msgspec.json.decode(path.with_suffix(".rows.json").read_bytes())
    found = rows_in(folded(from_lines(path.read_bytes())))
    for kind, rows in wanted.items():
        assert named(found[kind], rows) == rows


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_kept_history_keeps_every_law(path: Path):
    data = path.read_bytes()
    found = check(from_lines(data))
    assert not found, report(found)
    assert to_lines(from_lines(data)) == data


def test_there_is_a_kept_history_of_every_tour():
    assert {path.stem for path in HISTORIES} >= set(TOURS)


@pytest.mark.parametrize("name", TOURS)
def test_a_tour_played_by_todays_code_keeps_every_law(name: str):
    found = check(TOURS[name]().log)
    assert not found, report(found)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_kept_history_is_well_after_each_of_its_appends(path: Path):
    assert asyncio.run(ailments(from_lines(path.read_bytes()))) == []


async def ailments(log: list[Envelope]) -> list[Ailment]:
    """Return what the views of a log with one run find wrong after any of its appends.

    What is late is left out: nobody was there to do it.
    """
    compiled, *stream = log
    event = event_in(compiled)
    assert isinstance(event, catalog.DefinitionCompiled)
    store, found = MemoryStore(), list[Ailment]()
    x: Execution = absent(stream[0].stream.id, event.definition)
    for now, batch in groupby(stream, lambda one: one.recorded_at):
        envelopes = list(batch)
        changes, x = views.project(x, envelopes, [event_of(one) for one in envelopes])
        store.tables.streams.setdefault(envelopes[0].stream, []).extend(envelopes)
        for change in changes:
            store.tables.write(change)
        found += await store.views.ailing(now=now, grace=1e9, limit=9)
    return found
