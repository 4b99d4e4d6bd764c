"""What a plugin's input schema says of params before they are rendered.

Only what is certain is told: what stands at, in or around an expression is left to the call.  A
name that is missing or unknown is certain wherever it stands.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, TypeAlias, cast

import jsonschema_rs

from mainspring.domain.message import Json
from mainspring.http.faults import Faults
from mainspring.plugin import Plugin
from mainspring_api.dialects.places import followed, placed
from mainspring_api.dialects.runs.expressions import is_template

MOST: Final = 20
Place: TypeAlias = tuple[str | int, ...]
_CERTAIN: Final = ("required", "additionalProperties")
_UNEXPECTED: Final = re.compile(r"'([^']+)'")


def check_params(params: Json, plugin: Plugin, place: str, faults: Faults) -> None:
    """Note what a plugin would surely refuse."""
    open_places = list(_templates(params, ()))
    for count, error in enumerate(_validator(plugin).iter_errors(params)):
        if count == MOST:
            return
        at, _ = followed(params, error.instance_path)
        word = str(error.schema_path[-1]) if error.schema_path else ""
        if word in _CERTAIN or not any(_touches(at, each) for each in open_places):
            faults.add(
                placed(place, at), error.message[:300] + _hint(error.message, word, plugin, faults)
            )


@lru_cache(maxsize=256)
def _validator(plugin: Plugin) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(dict(plugin.manifest.input))


def _touches(at: Place, other: Place) -> bool:
    shorter = min(len(at), len(other))
    return at[:shorter] == other[:shorter]


def _templates(value: Json, at: Place) -> Iterator[Place]:
    if is_template(value):
        yield at
    elif isinstance(value, dict):
        for name, each in cast("dict[str, Json]", value).items():
            yield from _templates(each, (*at, name))
    elif isinstance(value, list):
        for index, each in enumerate(cast("list[Json]", value)):
            yield from _templates(each, (*at, index))


def _hint(message: str, word: str, plugin: Plugin, faults: Faults) -> str:
    unexpected = _UNEXPECTED.search(message) if word == "additionalProperties" else None
    if unexpected is None:
        return ""
    known = cast("dict[str, Json]", plugin.manifest.input.get("properties") or {})
    return faults.hint(unexpected[1], known)
