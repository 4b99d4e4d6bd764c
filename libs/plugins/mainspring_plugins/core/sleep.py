"""`core.sleep`: a durable pause; the engine keeps the time, with no worker held."""

from typing import Final

from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import closed, gives, number, of, text, whole

MANIFEST: Final = Manifest(
    id="core.sleep",
    name="Sleep",
    category="Core",
    description="Waits for a time or until an instant. The wait outlives a restart.",
    input=closed(
        {
            "duration": of(
                ["string", "number"], "How long it waits (90s, 1h30m, PT90S, or seconds)."
            ),
            "until": text("The instant (RFC 3339) at which it goes on."),
        }
    ),
    output=gives(
        {
            "sleptMs": whole("How long it slept, in milliseconds."),
            "wokenAt": number("When it went on, in seconds since 1970."),
        }
    ),
    is_control=True,
    examples=(
        {
            "input": {"duration": "1s"},
            "output": {"sleptMs": 1000, "wokenAt": 1767323046.5},
            "varies": ["sleptMs", "wokenAt"],
        },
    ),
)
