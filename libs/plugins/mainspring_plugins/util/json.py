"""`util.json`: reading, writing and comparing JSON values.

Schemas come from strangers too: their patterns are matched in linear time, and a reference to
another document is refused, never fetched.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import jsonschema_rs
import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.core.set import merged
from mainspring_plugins.support.asked import needed, text_of
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.json_changes import difference, with_value
from mainspring_plugins.support.paths import Missing, parts, read
from mainspring_plugins.support.schema import (
    anything,
    choice,
    closed,
    flag,
    gives,
    of,
    several,
    text,
    whole,
)
from mainspring_plugins.support.texts import as_json
from mainspring_plugins.support.working import in_place

MOST_FAULTS: Final = 100
OPERATIONS: Final = ("parse", "stringify", "get", "set", "merge", "diff", "validate")
_decode: Final = msgspec.json.Decoder().decode

MANIFEST: Final = Manifest(
    id="util.json",
    name="JSON",
    category="Utility",
    description=(
        "Parses, writes, reads, sets, merges, compares or validates JSON. "
        "Paths are written a.b[0] or /a/b/0."
    ),
    input=closed(
        {
            "op": choice("What to do.", *OPERATIONS),
            "data": anything("The value; parse: a text."),
            "path": text("get, set: where.", default=""),
            "value": anything("set: what is put there."),
            "default": anything("get: what is given when there is nothing."),
            "other": anything("merge: what is put over data; diff: what data became."),
            "indent": whole("stringify: spaces.", default=0, minimum=0, maximum=8),
            "schema": of(["object", "boolean"], "validate: the JSON Schema (2020-12)."),
        },
        "op",
        "data",
    ),
    output=gives(
        {
            "result": anything("The value; diff: the changes as a JSON Patch (RFC 6902)."),
            "found": flag("get: whether there was something."),
            "valid": flag("validate: whether the data hold the schema."),
            "errors": several("validate: what they do not hold, by place.", {"type": "string"}),
        },
        sometimes=("found", "valid", "errors"),
    ),
    examples=(
        {"input": {"op": "parse", "data": '{"a": 1}'}, "output": {"result": {"a": 1}}},
        {
            "input": {"op": "get", "data": {"a": [{"b": 2}]}, "path": "a[0].b"},
            "output": {"result": 2, "found": True},
        },
        {
            "input": {"op": "diff", "data": {"a": 1}, "other": {"a": 2}},
            "output": {"result": [{"op": "replace", "path": "/a", "value": 2}]},
        },
    ),
)


def parsed(data: str) -> Json:
    """Return the value of a text; raise a final `PluginFailed` with the place of its fault."""
    try:
        return _decode(data)
    except UnicodeEncodeError:
        raise bad("data", "holds half a character") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad("data", f"is no JSON: {error}") from None


def faults(data: Json, schema: Json) -> list[str]:
    """Return what `data` do not hold, by place; raise a final `PluginFailed` for no schema."""
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema, retriever=_nowhere, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        raise bad("schema", str(error).partition("\n")[0][:300]) from None
    found: list[str] = []
    for error in validator.iter_errors(data):
        place = ".".join(str(part) for part in error.instance_path)
        found.append(f"{place}: {error.message[:300]}" if place else error.message[:300])
        if len(found) == MOST_FAULTS:
            break
    return found


def _nowhere(_: str) -> Json:
    raise ValueError("a schema may refer to no other document")


def _parse(given: dict[str, Json]) -> dict[str, Json]:
    return {"result": parsed(text_of(given, "data"))}


def _stringify(given: dict[str, Json]) -> dict[str, Json]:
    data, indent = as_json(given["data"]), int(given.get("indent", 0))
    return {"result": (msgspec.json.format(data, indent=indent) if indent else data).decode()}


def _get(given: dict[str, Json]) -> dict[str, Json]:
    found = read(given["data"], given.get("path", ""))
    if isinstance(found, Missing):
        return {"result": given.get("default"), "found": False}
    return {"result": found, "found": True}


def _set(given: dict[str, Json]) -> dict[str, Json]:
    path = parts(given.get("path", ""))
    return {"result": with_value(given["data"], path, needed(given, "value"))}


def _merge(given: dict[str, Json]) -> dict[str, Json]:
    return {"result": merged(given["data"], needed(given, "other"))}


def _diff(given: dict[str, Json]) -> dict[str, Json]:
    return {"result": difference(given["data"], needed(given, "other"))}


def _validate(given: dict[str, Json]) -> dict[str, Json]:
    errors = faults(given["data"], needed(given, "schema"))
    return {"result": given["data"], "valid": not errors, "errors": errors}


_DONE: Final[Mapping[str, Callable[[dict[str, Json]], dict[str, Json]]]] = {
    "parse": _parse,
    "stringify": _stringify,
    "get": _get,
    "set": _set,
    "merge": _merge,
    "diff": _diff,
    "validate": _validate,
}


def done(given: dict[str, Json]) -> dict[str, Any]:
    """Return the output of an input."""
    return _DONE[given["op"]](given)


def _is_heavy(given: dict[str, Json]) -> bool:
    return given["op"] == "validate"  # a small schema can ask for much


run: Final = in_place(done, apart_when=_is_heavy)
