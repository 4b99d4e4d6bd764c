"""`http.request`: a call over HTTP, through the executor's egress guard.

What a peer did not do counts: a status that fails is a failure of the task, with the answer kept as
its output.  Each try carries the task's idempotency key, so a peer that heeds it acts once.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest, PluginFailed
from mainspring_plugins.exchange.answers import FAILS, RETRIED, body_of, says
from mainspring_plugins.exchange.bodies import sent, with_query
from mainspring_plugins.exchange.calls import Answered, Ask, answered, moved
from mainspring_plugins.exchange.pages import MOST_PAGES, PAGINATION, items_of_page, next_url
from mainspring_plugins.support.asked import span
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import (
    Schema,
    anything,
    choice,
    closed,
    flag,
    gives,
    named,
    of,
    several,
    text,
    whole,
)
from mainspring_plugins.support.texts import as_bytes

METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_STATUSES: Final[dict[str, Any]] = {"items": {"type": ["string", "integer"]}}
_AUTH: Final = closed(
    {
        "type": choice("How it proves that.", "basic", "bearer", "header"),
        "username": text("basic: the user's name."),
        "password": text("basic: the password.", default=""),
        "token": text("bearer: the token."),
        "name": text("header: its name.", minLength=1),
        "value": text("header: its value."),
    },
    "type",
    description="How the task proves who it is; never sent to another host than the url's.",
)
_FILE: Final = closed(
    {
        "name": text("The field of the form."),
        "filename": text("The file's name.", default="file"),
        "content": text("The content as base64."),
        "contentType": text("The content's type.", default="application/octet-stream"),
    },
    "name",
    "content",
)
CALL: Final[dict[str, Schema]] = {
    "url": text("The URL (http or https).", minLength=1),
    "method": choice("The method.", *METHODS, default="GET"),
    "headers": named("Headers by name.", {"type": ["string", "number", "boolean"]}),
}

MANIFEST: Final = Manifest(
    id="http.request",
    name="HTTP request",
    category="Core",
    description=(
        "Calls a URL and gives status, headers and body. A status of failOn fails the task, and "
        "the answer is kept as its output."
    ),
    input=closed(
        {
            **CALL,
            "query": named("More of the query; a list says its name again for each item."),
            "body": anything("What is sent: a text as it is, anything else as JSON."),
            "json": anything("What is sent as JSON, a text too."),
            "form": named("What is sent as a form, by field."),
            "files": several("Files that are sent with the form (multipart).", _FILE),
            "auth": _AUTH,
            "timeout": of(
                ["number", "string"], "How long a page may take (30s, 1m, or seconds).", default=30
            ),
            "followRedirects": flag("Follow up to 5 redirects.", default=True),
            "verifyTls": flag("Certificates are always verified.", const=True),
            "failOn": of(
                ["string", "array"],
                "Statuses that fail: 4xx,5xx or 404 or 500-504, or none.",
                default=FAILS,
                **_STATUSES,
            ),
            "retryOn": of(
                ["string", "array"],
                "Failing statuses that another try may change.",
                default=RETRIED,
                **_STATUSES,
            ),
            "responseType": choice(
                "What the body is given as.", "auto", "json", "text", "base64", default="auto"
            ),
            "pagination": PAGINATION,
        },
        "url",
    ),
    output=gives(
        {
            "status_code": whole("The status."),
            "headers": named("The headers, by names in lower case."),
            "body": anything("The body; with pagination the items of all pages."),
            "url": text("Where the answer came from, after redirects."),
            "duration_ms": whole("How long it took."),
            "pages": whole("With pagination: how many pages there were."),
        },
        sometimes=("pages",),
    ),
    examples=(
        {
            "input": {"url": "https://shop.example/orders/7"},
            "output": {
                "status_code": 200,
                "headers": {"content-type": "application/json"},
                "body": {"id": 7},
                "url": "https://shop.example/orders/7",
                "duration_ms": 12,
            },
            "varies": ["duration_ms"],
        },
        {
            "input": {
                "url": "https://shop.example/orders",
                "method": "POST",
                "json": {"sku": "a-1"},
                "auth": {"type": "bearer", "token": "${SHOP_TOKEN}"},
                "responseType": "json",
            },
            "output": {
                "status_code": 201,
                "headers": {"content-type": "application/json"},
                "body": {"id": 8},
                "url": "https://shop.example/orders",
                "duration_ms": 31,
            },
            "varies": ["duration_ms"],
        },
    ),
)


def ask_of(given: Mapping[str, Json], context: Context) -> Ask:
    """Return the request that an input asks for."""
    body, kind = sent(given, f"mainspring-{context.chance.seed()}")
    headers = {
        "idempotency-key": context.idempotency_key,
        "traceparent": context.traceparent,
        **({"content-type": kind} if kind else {}),
        **{name.lower(): _header(each) for name, each in given.get("headers", {}).items()},
    }
    proof = proof_of(given["auth"]) if "auth" in given else {}
    ask = Ask(
        given.get("method", "GET"),
        with_query(given["url"], given.get("query", {})),
        {name: each for name, each in (headers | proof).items() if each},
        body,
    )
    return Ask(ask.method, ask.url, ask.headers, ask.body, ask.secret | frozenset(proof))


def _header(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def proof_of(auth: Mapping[str, Json]) -> dict[str, str]:
    """Return the header that proves who calls; raise a final `PluginFailed` for half a proof."""
    match auth:
        case {"type": "basic", "username": name}:
            pair = as_bytes(f"{name}:{auth.get('password', '')}", "auth")
            return {"authorization": f"Basic {b64encode(pair).decode()}"}
        case {"type": "bearer", "token": token}:
            return {"authorization": f"Bearer {token}"}
        case {"type": "header", "name": name, "value": value}:
            return {name.lower(): value}
        case _:
            wanted = {"basic": "username", "bearer": "token"}.get(auth["type"], "name and value")
            raise bad("auth", f"{auth['type']} needs {wanted}")


def told(found: Answered, body: Json, took: float) -> dict[str, Any]:
    """Return the output."""
    return {
        "status_code": found.answer.status,
        "headers": found.answer.headers,
        "body": body,
        "url": found.ask.url,
        "duration_ms": round(took * 1000),
    }


def judge(given: Mapping[str, Json], found: Answered, took: float) -> None:
    """Raise `PluginFailed` with the answer as its output when its status is one that fails."""
    status = found.answer.status
    is_retried = says(given.get("retryOn", RETRIED), status, "retryOn")
    if not says(given.get("failOn", FAILS), status, "failOn"):
        return
    body = body_of(found.answer, given.get("responseType", "auto"), strict=False)
    raise PluginFailed(
        f"{found.ask.method} was answered with {status}",
        final=not is_retried,
        output=told(found, body, took),
    )


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return the answer, or the items of all pages; raise `PluginFailed` when a status fails."""
    since = context.clock.monotonic()
    ask = ask_of(given, context)
    if "pagination" in given:
        return await _pages(given, context, ask, since)
    found, body = await _page(given, context, ask, since)
    return told(found, body, context.clock.monotonic() - since)


async def _pages(
    given: Mapping[str, Json], context: Context, ask: Ask, since: float
) -> dict[str, Json]:
    how = given["pagination"]
    seen, items, size = {ask.url}, list[Json](), 0
    while True:
        found, body = await _page(given, context, ask, since)
        items += items_of_page(how, body)
        size += len(found.answer.body)
        if size > context.max_output:
            text = f"the pages are larger than {context.max_output} bytes"
            raise PluginFailed(text, final=True, fault="too_large")
        onward = next_url(how, found.ask.url, found.answer.headers, body)
        if not onward or len(seen) == min(how.get("maxPages", 10), MOST_PAGES):
            took = context.clock.monotonic() - since
            return told(found, items, took) | {"pages": len(seen)}
        ask = moved(found.ask, onward)
        if ask.url in seen:
            raise bad("pagination", "the peer names a page again that it has given")
        seen.add(ask.url)


async def _page(
    given: Mapping[str, Json], context: Context, ask: Ask, since: float
) -> tuple[Answered, Json]:
    timeout = span(given.get("timeout", 30), "timeout")
    left = context.timeout - (context.clock.monotonic() - since)
    follow = given.get("followRedirects", True)
    found = await answered(context, ask, timeout=min(timeout, left), follow=follow)
    judge(given, found, context.clock.monotonic() - since)
    try:
        return found, body_of(found.answer, given.get("responseType", "auto"))
    except PluginFailed as failed:
        took = context.clock.monotonic() - since
        failed.output = told(found, body_of(found.answer, "auto"), took)
        raise
