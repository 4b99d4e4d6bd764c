"""`util.datetime`: instants, by the clock of the context and the zones of IANA."""

from datetime import UTC, datetime
from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.asked import needed, text_of
from mainspring_plugins.support.instants import (
    UNITS,
    between,
    checked,
    instant,
    iso,
    moved,
    read,
    zone,
)
from mainspring_plugins.support.schema import (
    Schema,
    anything,
    choice,
    closed,
    gives,
    number,
    of,
    text,
)

OPERATIONS: Final = ("now", "parse", "format", "add", "diff", "convert")
_VALUE: Final = ["string", "number"]
_AMOUNT: Final[Schema] = {
    "type": ["string", "number", "object"],
    "description": "add: 1h30m, PT90S, -15m, seconds, or numbers by unit: {days: 1, months: -2}.",
    "properties": {unit: {"type": "number"} for unit in UNITS},
    "additionalProperties": False,
}

MANIFEST: Final = Manifest(
    id="util.datetime",
    name="Date and time",
    category="Utility",
    description=(
        "Tells the time, or reads, writes, moves, compares and converts instants. Years to days "
        "are counted by the calendar of the time zone."
    ),
    input=closed(
        {
            "op": choice("What to do.", *OPERATIONS),
            "value": of(_VALUE, "The instant: RFC 3339, a date, or seconds since 1970; now."),
            "other": of(_VALUE, "diff: the later instant; now when not given."),
            "tz": text("The time zone: Europe/Berlin, UTC, +02:00.", default="UTC"),
            "format": text(
                "parse, format: as strftime writes it (%Y-%m-%d %H:%M:%S).", maxLength=200
            ),
            "amount": _AMOUNT,
            "unit": choice("diff: what is counted.", *UNITS, default="seconds"),
        },
        "op",
    ),
    output=gives(
        {
            "result": anything("The instant as RFC 3339, the text, or the number."),
            "iso": text("The instant as RFC 3339."),
            "epoch": number("The instant as seconds since 1970."),
        },
        sometimes=("iso", "epoch"),
    ),
    examples=(
        {
            "input": {"op": "add", "value": "2026-01-31T10:00:00Z", "amount": {"months": 1}},
            "output": {
                "result": "2026-02-28T10:00:00Z",
                "iso": "2026-02-28T10:00:00Z",
                "epoch": 1772272800,
            },
        },
        {
            "input": {
                "op": "diff",
                "value": "2026-01-01",
                "other": "2026-03-01",
                "unit": "days",
            },
            "output": {"result": 59},
        },
        {
            "input": {"op": "now"},
            "output": {
                "result": "2026-01-02T03:04:05.5Z",
                "iso": "2026-01-02T03:04:05.5Z",
                "epoch": 1767323045.5,
            },
            "varies": ["result", "iso", "epoch"],
        },
    ),
)


def done(given: dict[str, Json], now: datetime) -> dict[str, Json]:
    """Return the output of an input; raise a final `PluginFailed` with the place of its fault."""
    tz = zone(given.get("tz", "UTC"))
    match given["op"]:
        case "now":
            return told(now.astimezone(tz))
        case "parse" if "format" in given:
            return told(read(text_of(given, "value"), given["format"], tz))
        case "parse":
            return told(instant(needed(given, "value"), tz, "value"))
        case "diff":
            start = instant(needed(given, "value"), tz, "value")
            end = instant(given["other"], tz, "other") if "other" in given else now.astimezone(tz)
            return {"result": between(start, end, given.get("unit", "seconds"))}
        case operation:
            at = instant(given["value"], tz, "value") if "value" in given else now
            at = at.astimezone(tz)
            if operation == "format":
                form = checked(text_of(given, "format"))
                return told(at) | {"result": at.strftime(form)}
            return told(moved(at, needed(given, "amount")) if operation == "add" else at)


def told(at: datetime) -> dict[str, Json]:
    """Return an instant in each of its forms."""
    seconds = at.timestamp()
    epoch = int(seconds) if seconds.is_integer() else seconds
    return {"result": iso(at), "iso": iso(at), "epoch": epoch}


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return what the operation gives."""
    return done(given, datetime.fromtimestamp(context.clock.now(), UTC))
