"""Histories that were written by earlier code are folded by today's to what their views said."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from mainspring.domain import catalog
from mainspring.domain.envelope import Envelope
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.upcast import event_in
from mainspring.store import views
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
