"""A JSON value as a person would read it."""

from typing import Final

import msgspec

from mainspring.domain.message import Json
from mainspring_plugins.support.failures import bad, refuse

_encode: Final = msgspec.json.Encoder().encode


def written(value: Json) -> str:
    """Return a text as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else as_json(value).decode()


def as_json(value: Json) -> bytes:
    """Return compact JSON; raise a final `PluginFailed` for what has none."""
    try:
        return _encode(value)
    except RecursionError:
        raise refuse("a value is nested too deeply") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise refuse(f"a value is no JSON: {error}") from None


def as_bytes(text: str, place: str) -> bytes:
    """Return UTF-8; raise a final `PluginFailed` for half a character."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise bad(place, "holds half a character") from None
