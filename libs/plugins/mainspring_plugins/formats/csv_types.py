"""What the text of a CSV field stands for."""

import math
import re
from typing import Final

import msgspec

from mainspring.domain.message import Json
from mainspring_plugins.support.failures import refuse

KINDS: Final = ("string", "integer", "number", "boolean", "json")
INTEGER: Final = re.compile(r"[+-]?[0-9]{1,300}")
NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# A number that begins with a nought is a code (a postcode, an article): it stays a text.
SURE: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?")
BOOLEANS: Final = {"true": True, "false": False}


def typed(field: str, kind: str, place: str) -> Json:
    """Return a field's value; empty ones are null, but for texts. Raises `PluginFailed`."""
    if kind == "string":
        return field
    text = field.strip()
    if not text:
        return None
    found = _value(text, kind)
    if found is None:
        raise refuse(f"{place}: {field[:60]!r} is no {kind}")
    return found[0]


def _value(text: str, kind: str) -> tuple[Json] | None:
    if kind == "integer":
        return (int(text),) if INTEGER.fullmatch(text) else None
    if kind == "number":
        return _number(text)
    if kind == "boolean":
        found = BOOLEANS.get(text.lower())
        return None if found is None else (found,)
    try:
        return (msgspec.json.decode(text),)
    except (msgspec.DecodeError, RecursionError):
        return None


def _number(text: str) -> tuple[Json] | None:
    if INTEGER.fullmatch(text):
        return (int(text),)
    value = float(text) if NUMBER.fullmatch(text) else math.inf
    return (value,) if math.isfinite(value) else None


def inferred(field: str) -> Json:
    """Return what a field most surely is: null, a boolean, a number, or the text itself."""
    text = field.strip()
    if not text:
        return None
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if SURE.fullmatch(text):
        return float(text) if "." in text else int(text)
    return field
