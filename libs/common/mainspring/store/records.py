"""From records of the database to rows of the views, and to the events that are joined to them."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from mainspring.domain.rows import Row
from mainspring.store.connection import Record
from mainspring.store.details import Stored

R = TypeVar("R", bound=Row)

_TEXTS: Final[dict[str, Callable[[Any], object]]] = {
    "id": str,
    "execution": str,
    "retry_of": str,
    "parent": str,
    "trigger": str,
    "approvers": msgspec.json.Decoder(tuple[str, ...]).decode,
    "current": msgspec.json.Decoder(tuple[str, ...]).decode,
    "tags": msgspec.json.Decoder(dict[str, str]).decode,
}
"""How a cell becomes a field, where they differ: ids are texts, JSON is decoded."""


def row_in(kind: type[R], record: Record) -> R:
    """Return the view row that a record holds; columns that the row does not know are left out."""
    cells = {name: record[name] for name in kind.__struct_fields__}
    for name in _TEXTS.keys() & cells.keys():
        if cells[name] is not None:
            cells[name] = _TEXTS[name](cells[name])
    return kind(**cells)


def stored_in(record: Record, prefix: str) -> Stored:
    """Return the joined event of a record, None when there is none."""
    type = record[f"{prefix}_type"]
    return (type, record[f"{prefix}_schema"], record[f"{prefix}_body"]) if type else None
