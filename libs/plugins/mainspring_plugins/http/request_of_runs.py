"""`http/request`: the HTTP call as workflows with CEL know it; not among the flows' plugins.

It is `http.request` with other words.  A body is sent as JSON unless it is a text and the step
names a content type; a status of 400 or more fails, with the answer kept.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest, PluginFailed
from mainspring_plugins.exchange.answers import text_of
from mainspring_plugins.exchange.calls import Answered, answered
from mainspring_plugins.http.request import CALL, ask_of
from mainspring_plugins.support.asked import span
from mainspring_plugins.support.schema import (
    anything,
    closed,
    gives,
    named,
    of,
    text,
    whole,
)

_decode: Final = msgspec.json.Decoder().decode

MANIFEST: Final = Manifest(
    id="http/request",
    name="HTTP request",
    category="Core",
    description=(
        "Calls a URL and gives status, headers, body and json. A status of 400 or more fails."
    ),
    input=closed(
        {
            **CALL,
            "body": anything(
                "What is sent as JSON; a text as it is when the headers name a content type."
            ),
            "timeout": of(
                ["number", "string"],
                "How long the call may take (30s, 1m, or seconds).",
                default=30,
            ),
        },
        "url",
    ),
    output=gives(
        {
            "status": whole("The status."),
            "headers": named("The headers, by names in lower case."),
            "body": text("The body as a text."),
            "json": anything("The body as JSON; null when it is none."),
        }
    ),
    examples=(
        {
            "input": {"url": "https://shop.example/orders/7"},
            "output": {
                "status": 200,
                "headers": {"content-type": "application/json"},
                "body": '{"id":7}',
                "json": {"id": 7},
            },
        },
    ),
)


def as_asked(given: Mapping[str, Json]) -> dict[str, Json]:
    """Return the same call in the words of `http.request`."""
    words = {name: each for name, each in given.items() if name not in ("body", "timeout")}
    if given.get("body") is None:
        return words
    is_typed = any(name.lower() == "content-type" for name in given.get("headers", {}))
    raw = is_typed and isinstance(given["body"], str)
    return words | {"body" if raw else "json": given["body"]}


def told(found: Answered) -> dict[str, Any]:
    """Return the output."""
    try:
        value = _decode(found.answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    return {
        "status": found.answer.status,
        "headers": found.answer.headers,
        "body": text_of(found.answer),
        "json": value,
    }


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return the answer; raise `PluginFailed` with it as the output for a status of 400 or more."""
    timeout = span(given.get("timeout", 30), "timeout")
    found = await answered(context, ask_of(as_asked(given), context), timeout=timeout)
    status = found.answer.status
    if status >= 400:
        # Never final: a step of such a workflow that says `retry` means every failure.
        text = f"{found.ask.method} was answered with {status}"
        raise PluginFailed(text, output=told(found))
    return told(found)
