"""What an operation of a plugin asks of its input, beyond what a schema can say plainly.

A schema with one alternative for each `op` tells a person only that no alternative fits; here the
missing name is told, with the operation that wants it.
"""

from mainspring.domain.durations import duration
from mainspring.domain.message import Json
from mainspring_plugins.support.failures import bad


def needed(given: dict[str, Json], name: str) -> Json:
    """Return what stands under `name`; raise a final `PluginFailed` when it is not there."""
    if name not in given:
        raise bad(name, f"is needed for the operation {given['op']}")
    return given[name]


def text_of(given: dict[str, Json], name: str) -> str:
    """Return the text under `name`; raise a final `PluginFailed` when there is none."""
    value = needed(given, name)
    if not isinstance(value, str):
        raise bad(name, "is not a text")
    return value


def span(value: Json, place: str) -> float:
    """Return a span of time above 0 in seconds; raise a final `PluginFailed` for what is none."""
    seconds = duration(value)
    if not seconds:
        raise bad(place, "is no span of time (90s, 1h30m, PT90S, or seconds)")
    return seconds
