"""From a task to the request that goes out.

Whose word counts for a header: the definition's, with one exception.  `traceparent` is always
ours, a child of the execution's, or the trace would break at each hand-made value.  `User-Agent`,
`Content-Type`, `Idempotency-Key`, `X-Callback-Url` and `X-Callback-Token` are set where
the definition does not set them; an `Idempotency-Key` that renders to nothing counts as not
set, so that every request carries one.
"""

from functools import lru_cache
from importlib.metadata import version
from typing import Final, NamedTuple

import msgspec

from mainspring.domain.definition import Request
from mainspring.domain.expression import CompiledBody, Escape, compile_body, compile_text
from mainspring.domain.message import Json
from mainspring.domain.task import Task

USER_AGENT: Final = f"mainspring/{version('mainspring-executor')}"
_HEX: Final = frozenset("0123456789abcdef")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Callback(NamedTuple):
    """Where the peer answers an asynchronous step, and with what right."""

    url: str
    token: str


class Prepared(NamedTuple):
    """A request as it will go out."""

    url: str
    headers: dict[str, str]
    body: bytes | None


def prepare(
    task: Task, request: Request, values: Json, callback: Callback | None, *, traceparent: str
) -> Prepared:
    """Return the request of a task; raise `ExpressionError` when its templates cannot be rendered.

    `traceparent` is the place of the call in its trace.
    """
    context = values if callback is None else _with_callback(values, callback, task.aliases)
    url = compile_text(request.url).render(context, Escape.URL)
    headers, given = _own_headers(request, context)
    body: bytes | None = None
    if request.has_body:
        body, is_json = _compiled(request.body).encode(context)
        if is_json and "content-type" not in given:
            headers["Content-Type"] = "application/json"
    if "idempotency-key" not in given:
        headers["Idempotency-Key"] = task.idempotency_key
    headers["traceparent"] = traceparent
    if "user-agent" not in given:
        headers["User-Agent"] = USER_AGENT
    if callback is not None:
        _add_callback(headers, given, callback)
    return Prepared(url, headers, body)


def child_of(parent: str, chance: str) -> str:
    """Return a new span of the parent's trace, or of a new trace when there is no valid parent."""
    span = chance[:16]
    if not _is_traceparent(parent):
        return f"00-{chance[::-1]}-{span}-01"
    return f"00-{parent[3:35]}-{span}-{parent[53:55]}"


@lru_cache(maxsize=1024)
def _is_traceparent(text: str) -> bool:
    """Say whether a text is a traceparent; of later versions the part that all share is read."""
    parts = text.split("-")
    if [len(part) for part in parts[:4]] != [2, 32, 16, 2] or not _HEX.issuperset(
        "".join(parts[:4])
    ):
        return False
    is_known = len(parts) == 4 if parts[0] == "00" else parts[0] != "ff"
    return is_known and parts[1].strip("0") != "" and parts[2].strip("0") != ""


def _own_headers(request: Request, context: Json) -> tuple[dict[str, str], set[str]]:
    """Render the definition's headers; return them, and their names in lower case."""
    headers: dict[str, str] = {}
    given: set[str] = set()
    for name, template in request.headers.items():
        lower = name.lower()
        if lower == "traceparent":
            continue
        value = compile_text(template).render(context, Escape.HEADER)
        if lower == "idempotency-key" and not value.strip():
            continue
        headers[name] = value
        given.add(lower)
    return headers, given


def _add_callback(headers: dict[str, str], given: set[str], callback: Callback) -> None:
    if "x-callback-url" not in given:
        headers["X-Callback-Url"] = callback.url
    if "x-callback-token" not in given:
        headers["X-Callback-Token"] = callback.token


def _with_callback(values: Json, callback: Callback, aliases: dict[str, str]) -> Json:
    """Lay the callback over the values, under `runtime.callback` and under a dialect's names."""
    context: dict[str, Json] = dict(values or {})
    _plant(context, "runtime.callback.url", callback.url)
    _plant(context, "runtime.callback.token", callback.token)
    for name, target in aliases.items():
        if target == "callback.url":
            _plant(context, name, callback.url)
        elif target == "callback.token":
            _plant(context, name, callback.token)
    return context


def _plant(tree: dict[str, Json], name: str, value: str) -> None:
    *way, last = name.split(".")
    for part in way:
        below: Json = tree.get(part)
        # Copied on the way down: the values of a task may be shared.
        tree[part] = below.copy() if isinstance(below, dict) else {}
        tree = tree[part]
    tree[last] = value


def _compiled(body: Json) -> CompiledBody:
    # Each task brings its own copy of the template, so its JSON is what it is remembered by.
    return compile_body(body) if isinstance(body, str) else _compiled_value(_encode(body))


@lru_cache(maxsize=1024)
def _compiled_value(body: bytes) -> CompiledBody:
    return compile_body(_decode(body))
