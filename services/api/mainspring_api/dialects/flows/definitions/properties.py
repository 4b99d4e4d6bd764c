"""A task's properties against its plugin's schema, where they are literal.

A template's value is known when the task runs, and is checked then by the executor.  So a fault
counts here if it lies in what is written out: an unknown key, a missing one, a number that is too
large.  A text with a template amid other text is a text, whatever is put in.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, cast

import jsonschema_rs
import msgspec

from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below
from mainspring.plugin import Manifest
from mainspring_api.dialects.flows.definitions.expressions import is_template
from mainspring_api.dialects.places import followed, placed

_WHOLE: Final = re.compile(r"\s*\{\{(?:(?!\}\}|\{\{).)*\}\}\s*", re.DOTALL)
_CREDENTIAL: Final = re.compile(r"\$\{[A-Z][A-Z0-9_]*\}")
_OF_PARTS: Final = frozenset(
    {"anyOf", "oneOf", "allOf", "not", "if", "then", "else", "contains", "uniqueItems"}
    | {"const", "enum", "dependentSchemas", "propertyNames"}
)
"""Keywords that judge a value by all that is inside it."""

_NAMING: Final = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
"""Keywords below which the next part of a schema's path is a name."""


def check_properties(
    manifest: Manifest, properties: dict[str, Json], place: str, faults: Faults
) -> None:
    """Note what is wrong with properties whatever their templates come to."""
    for error in _validator(msgspec.json.encode(manifest.input)).iter_errors(properties):
        path, value = followed(properties, error.instance_path)
        if not _is_open(value, error):
            _note(error, placed(place, path), faults, manifest)


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(msgspec.json.decode(schema))


def _is_open(value: Json, error: jsonschema_rs.ValidationError) -> bool:
    """Say whether a fault of a value may be none when the templates have theirs."""
    judges_parts = not _OF_PARTS.isdisjoint(_keywords(error.schema_path))
    if not isinstance(value, str):
        return judges_parts and _has_filled(value)
    is_text = not is_template(value) or not _WHOLE.fullmatch(value)
    is_typed = is_text and error.kind.name == "type"
    return _is_filled(value) and not is_typed


def _keywords(path: Sequence[str | int]) -> set[str]:
    """Return the keywords on a path through a schema, without the names between them."""
    found: set[str] = set()
    before = ""
    for part in path:
        is_name = before in _NAMING
        before = "" if is_name else str(part)
        found |= set() if is_name else {before}
    return found


def _is_filled(text: str) -> bool:
    return is_template(text) or _CREDENTIAL.search(text) is not None


def _has_filled(value: Json) -> bool:
    if isinstance(value, dict):
        return any(map(_has_filled, cast("dict[str, Json]", value).values()))
    if isinstance(value, list):
        return any(map(_has_filled, cast("list[Json]", value)))
    return isinstance(value, str) and _is_filled(value)


def _note(
    error: jsonschema_rs.ValidationError, at: str, faults: Faults, manifest: Manifest
) -> None:
    kind: Any = error.kind
    match kind.name:
        case "additionalProperties":
            known = () if error.instance_path else manifest.input.get("properties", ())
            for name in kind.unexpected:
                faults.add(below(at, name), f"is not known here{faults.hint(name, known)}")
        case "required":
            faults.add(below(at, str(kind.property)), "is missing")
        case _:
            faults.add(at, error.message[:300])


def schema_fault(schema: Json) -> str:
    """Return why a value is no JSON Schema that can be used here; "" for one that is."""
    if any(not ref.startswith("#") for ref in _references(schema)):
        return "a $ref leads only to the schema itself (#...)"
    try:
        jsonschema_rs.Draft202012Validator(cast("dict[str, Any]", schema))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        return f"is no JSON Schema: {str(error)[:200]}"
    return ""


def _references(schema: Json) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in cast("dict[str, Json]", schema).items():
            if key in ("$ref", "$dynamicRef", "$schema") and isinstance(value, str):
                yield "#" if key == "$schema" else value
            yield from _references(value)
    elif isinstance(schema, list):
        for value in cast("list[Json]", schema):
            yield from _references(value)
