"""Reads and writes CSV with types; what does not fit is told by row and column.

Rows count from 1 as in a sheet, so the header is row 1.  A row that is longer or shorter than the
header is a fault, unless short ones may be filled: guessing where the missing field was lost.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.formats.csv_types import KINDS, inferred, typed
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.schema import (
    anything,
    choice,
    closed,
    either,
    flag,
    gives,
    named,
    several,
    text,
)
from mainspring_plugins.support.shapes import is_list, is_object, kind
from mainspring_plugins.support.texts import written
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="transform.csv",
    name="CSV",
    category="Transforms",
    description="Reads CSV text into rows, or writes rows as CSV text.",
    input=closed(
        {
            "op": choice("What to do.", "parse", "stringify"),
            "data": either(
                "parse: the text. stringify: a list of objects or of lists.",
                {"type": "string"},
                {"type": "array"},
            ),
            "delimiter": text("What stands between fields.", minLength=1, maxLength=1, default=","),
            "quote": text(
                "What stands around fields that need it.", minLength=1, maxLength=1, default='"'
            ),
            "header": either(
                "true: the first row holds the names. false: rows are lists. Or the names.",
                {"type": "boolean"},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            )
            | {"default": True},
            "types": either(
                "The kind of each column by its name; or infer, which guesses each field's.",
                {"const": "infer"},
                named("Kinds.", {"enum": list(KINDS)}),
            ),
            "trim": flag("Drop spaces around fields.", default=False),
            "ragged": choice(
                "What becomes of short rows: fill adds nulls.", "fail", "fill", default="fail"
            ),
            "lineEnd": choice("What stringify ends lines with.", "\n", "\r\n", default="\n"),
            "escapeFormulas": flag(
                "Write ' before texts that a sheet would take for formulas.", default=False
            ),
        },
        "op",
        "data",
    ),
    output=gives(
        {
            "rows": several("parse: the rows, objects or lists."),
            "text": text("stringify: the text."),
            "columns": anything("The names of the columns, or null where they have none."),
        },
        sometimes=(
            "rows",
            "text",
        ),
    ),
    examples=(
        {
            "input": {"op": "parse", "data": "a,b\n1,x\n", "types": {"a": "integer"}},
            "output": {"rows": [{"a": 1, "b": "x"}], "columns": ["a", "b"]},
        },
        {
            "input": {"op": "stringify", "data": [{"a": 1, "b": "x, y"}]},
            "output": {"text": 'a,b\n1,"x, y"\n', "columns": ["a", "b"]},
        },
    ),
)
# The module's own bound is smaller than one field of a flow's data may be.
csv.field_size_limit(16 << 20)
FORMULA: Final = re.compile(r"^[=+\-@\t\r]")


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the rows, or the text."""
    marks = _marks(given)
    data, header = given["data"], given.get("header", True)
    if given["op"] == "parse":
        if not isinstance(data, str):
            raise refuse(f"data: parse takes a text, not {kind(data)}")
        return _parsed(_records(data, marks), header, given)
    if not is_list(data):
        raise refuse(f"data: stringify takes a list of rows, not {kind(data)}")
    return _stringified(data, header, marks, given)


def _marks(given: dict[str, Json]) -> dict[str, str]:
    delimiter, quote = given.get("delimiter", ","), given.get("quote", '"')
    for name, mark in (("delimiter", delimiter), ("quote", quote)):
        if mark in "\r\n\0":
            raise refuse(f"{name}: a line end cannot be one")
    if delimiter == quote:
        raise refuse("delimiter and quote are the same")
    return {"delimiter": delimiter, "quotechar": quote}


def _records(data: str, marks: Mapping[str, str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with its number; empty lines count, and are no rows."""
    reader = csv.reader(
        io.StringIO(data.removeprefix("\ufeff"), newline=""),
        strict=True,
        delimiter=marks["delimiter"],
        quotechar=marks["quotechar"],
    )
    number = 0
    while True:
        number += 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except (csv.Error, ValueError, TypeError) as error:
            raise refuse(f"row {number} (line {reader.line_num}): {error}") from None
        if record:
            yield number, record


def _parsed(
    records: Iterator[tuple[int, list[str]]], header: Json, given: dict[str, Json]
) -> dict[str, Json]:
    columns: list[str] | None = header if is_list(header) else None
    if header is True:
        columns = next((record for _, record in records), list[str]())
        columns = [each.strip() for each in columns] if given.get("trim") else columns
    if columns is not None:
        _check_names(columns, "row 1" if header is True else "header")
    types = _types(given, columns)
    rows: list[Json] = [_row(number, record, columns, types, given) for number, record in records]
    return {"rows": rows, "columns": columns}


def _check_names(columns: list[str], place: str) -> None:
    seen: set[str] = set()
    for at, name in enumerate(columns, 1):
        if not name:
            raise refuse(f"{place}, column {at}: the name is empty")
        if name in seen:
            raise refuse(f"{place}, column {at}: the name {name!r} is there twice")
        seen.add(name)


def _types(given: dict[str, Json], columns: list[str] | None) -> Json:
    types = given.get("types", {})
    if is_object(types):
        for name in types:
            if columns is None or name not in columns:
                raise refuse(f"types: there is no column {name!r}")
    return types


def _row(
    number: int,
    record: list[str],
    columns: list[str] | None,
    types: Json,
    given: dict[str, Json],
) -> Json:
    fields = [each.strip() for each in record] if given.get("trim") else record
    if columns is None:
        return [inferred(each) for each in fields] if types == "infer" else fields
    if len(fields) > len(columns) or (len(fields) < len(columns) and given.get("ragged") != "fill"):
        raise refuse(f"row {number} has {len(fields)} fields, and the header has {len(columns)}")
    filled: list[str | None] = [*fields, *[None] * (len(columns) - len(fields))]
    return {
        name: _value(field, types, name, f"row {number}, column {at}")
        for at, (name, field) in enumerate(zip(columns, filled, strict=True), 1)
    }


def _value(field: str | None, types: Json, name: str, place: str) -> Json:
    if field is None:
        return None
    if types == "infer":
        return inferred(field)
    return typed(field, types.get(name, "string"), f"{place} ({name})")


def _stringified(
    rows: list[Json], header: Json, marks: Mapping[str, str], given: dict[str, Json]
) -> dict[str, Json]:
    columns = _columns(rows, header)
    lines: list[list[Json]] = [columns] if columns is not None and header is not False else []
    lines += [_cells(row, columns, f"data[{at}]") for at, row in enumerate(rows)]
    guard, end = bool(given.get("escapeFormulas")), given.get("lineEnd", "\n")
    text = "".join(
        _line([_field(each, guard=guard) for each in line], marks) + end for line in lines
    )
    return {"text": text, "columns": columns}


def _line(fields: list[str], marks: Mapping[str, str]) -> str:
    """Return one line; the module's writer lost, since it leaves lone carriage returns bare."""
    mark = marks["quotechar"]
    risky = {marks["delimiter"], mark, "\r", "\n"}
    if fields == [""]:
        return mark * 2  # an empty line would be no row
    return marks["delimiter"].join(
        f"{mark}{each.replace(mark, mark * 2)}{mark}" if not risky.isdisjoint(each) else each
        for each in fields
    )


def _columns(rows: list[Json], header: Json) -> list[str] | None:
    """Return the names given, or all names of all rows in the order in which they turn up."""
    if is_list(header):
        _check_names(header, "header")
        return header
    if not any(is_object(row) for row in rows):
        return None
    return list(dict.fromkeys(name for row in rows if is_object(row) for name in row))


def _cells(row: Json, columns: list[str] | None, place: str) -> list[Json]:
    if is_object(row) and columns is not None:
        for name in row:
            if name not in columns:
                raise refuse(f"{place}: there is no column {name!r}")
        return [row.get(name) for name in columns]
    if not is_list(row):
        raise refuse(f"{place}: a row is an object or a list, not {kind(row)}")
    if columns is not None and len(row) != len(columns):
        raise refuse(f"{place} has {len(row)} fields, and the header has {len(columns)}")
    return row


def _field(value: Json, *, guard: bool) -> str:
    if value is None:
        return ""
    if is_object(value) or is_list(value):
        return msgspec.json.encode(value).decode()
    text = written(value)
    return f"'{text}" if guard and isinstance(value, str) and FORMULA.match(text) else text


run = in_place(work)
