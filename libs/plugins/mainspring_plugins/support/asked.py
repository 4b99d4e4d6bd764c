"""What an operation of a plugin asks of its input, beyond what a schema can say plainly.

A schema with one alternative for each `op` tells a person only that no alternative fits; here the
missing name is told, with the operation that wants it.
"""

from mainspring.domain.durations import duration
from mainspring.domain.message import Json
from mainspring.plugin import PluginFailed


def needed(given: dict[str, Json], name: str) -> Json:
    """Return what stands under `name`; raise a final `PluginFailed` when it is not there."""
    if name not in given:
        raise PluginFailed(f"{name}: is needed for the operation {given['op']}", final=True)
    return given[name]


def text(given: dict[str, Json], name: str) -> str:
    """Return the text under `name`; raise a final `PluginFailed` when there is none."""
    value = needed(given, name)
    if not isinstance(value, str):
        raise PluginFailed(f"{name}: is not a text", final=True)
    return value


def bad(place: str, what: str) -> PluginFailed:
    """Return the failure of an input that no other try makes good."""
    return PluginFailed(f"{place}: {what}" if place else what, final=True)


def span(value: Json, place: str) -> float:
    """Return a span of time above 0 in seconds; raise a final `PluginFailed` for what is none."""
    seconds = duration(value)
    if not seconds:
        raise bad(place, "is no span of time (90s, 1h30m, PT90S, or seconds)")
    return seconds
