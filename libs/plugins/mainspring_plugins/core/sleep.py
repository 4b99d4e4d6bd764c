"""`core.sleep`: a durable pause; the engine keeps the time, with no worker held."""

from typing import Final

from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import gives, of, takes

MANIFEST: Final = Manifest(
    id="core.sleep",
    name="Sleep",
    category="Core",
    description="Waits for a time or until an instant. The wait outlives a restart.",
    input=takes(
        {
            "duration": of(
                ["string", "number"], "How long: seconds, 90s, 1h30m, or ISO 8601 (PT90S)."
            ),
            "until": of("string", "The instant (RFC 3339) at which it goes on."),
        }
    ),
    output=gives({"sleptMs": of("integer", "How long it slept, in milliseconds.")}),
    is_control=True,
    examples=({"input": {"duration": "90s"}, "output": {"sleptMs": 90000}},),
)
