"""`util.url`: URLs taken apart and put together by the rules of RFC 3986."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit, urlunsplit

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.exchange.bodies import pairs, with_query
from mainspring_plugins.support.asked import needed, text_of
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import choice, closed, gives, named, of, text
from mainspring_plugins.support.working import in_place

_PARTS: Final = {
    "scheme": text("The scheme, such as https."),
    "username": of(["string", "null"], "The user's name."),
    "password": of(["string", "null"], "The user's password."),
    "host": text("The host."),
    "port": of(["integer", "null"], "The port.", minimum=0, maximum=65535),
    "path": text("The path, escaped."),
    "query": named("Values by name; a name that comes again has a list."),
    "fragment": text("What follows the #."),
}

MANIFEST: Final = Manifest(
    id="util.url",
    name="URL",
    category="Utility",
    description="Parses or builds a URL, adds to its query, or escapes a text for one.",
    input=closed(
        {
            "op": choice("What to do.", "parse", "build", "encode", "decode", "query"),
            "url": text("parse, query: the URL."),
            "parts": {
                **closed(_PARTS),
                "description": "build: the parts of the URL.",
            },
            "text": text("encode, decode: the text."),
            "safe": text("encode: characters that stay as they are.", default=""),
            "params": named("query: values that are added by name."),
        },
        "op",
    ),
    output=gives(
        {
            "result": of(["string", "object"], "The URL, the text, or the parts."),
            "url": text("build, query: the URL."),
            "parts": named("parse: the parts."),
        },
        sometimes=("url", "parts"),
    ),
    examples=(
        {
            "input": {"op": "query", "url": "https://a.example/b?c=1", "params": {"d": [2, 3]}},
            "output": {
                "result": "https://a.example/b?c=1&d=2&d=3",
                "url": "https://a.example/b?c=1&d=2&d=3",
            },
        },
        {"input": {"op": "encode", "text": "a b/c"}, "output": {"result": "a%20b%2Fc"}},
    ),
)


def parsed(url: str) -> dict[str, Json]:
    """Return the parts of a URL; raise a final `PluginFailed` for what is none."""
    try:
        split = urlsplit(url)
        values = parse_qs(split.query, keep_blank_values=True, max_num_fields=1000)
        port = split.port
    except ValueError as error:
        raise bad("url", f"is no URL: {error}") from None
    return {
        "scheme": split.scheme,
        "username": _undone(split.username),
        "password": _undone(split.password),
        "host": split.hostname or "",
        "port": port,
        "path": split.path,
        "query": {name: each[0] if len(each) == 1 else each for name, each in values.items()},
        "fragment": split.fragment,
    }


def _undone(text: str | None) -> str | None:
    return None if text is None else unquote(text)


def built(parts: Mapping[str, Json]) -> str:
    """Return the URL of its parts; raise a final `PluginFailed` for parts that make none."""
    host: str = parts.get("host", "")
    if any(mark in host for mark in "/?#@\\ "):
        raise bad("parts.host", "is no host")
    netloc = f"[{host}]" if ":" in host and not host.startswith("[") else host
    if parts.get("port") is not None:
        netloc += f":{int(parts['port'])}"
    user = [_escaped(parts[name]) for name in ("username", "password") if parts.get(name)]
    path = quote(parts.get("path", ""), safe="/%:@!$&'()*+,;=~-._", errors="surrogatepass")
    if netloc and path and not path.startswith("/"):
        path = f"/{path}"
    fragment = quote(parts.get("fragment", ""), safe="/?%:@!$&'()*+,;=~-._", errors="surrogatepass")
    query = pairs(parts.get("query", {}))
    whole = f"{':'.join(user)}@{netloc}" if user else netloc
    return urlunsplit(SplitResult(parts.get("scheme", ""), whole, path, query, fragment))


def _escaped(text: str, safe: str = "") -> str:
    try:
        return quote(text, safe=safe)
    except (UnicodeEncodeError, ValueError):
        raise bad("text", "holds half a character") from None


def _parse(given: dict[str, Json]) -> dict[str, Any]:
    parts = parsed(text_of(given, "url"))
    return {"result": parts, "parts": parts}


def _build(given: dict[str, Json]) -> dict[str, Any]:
    url = built(needed(given, "parts"))
    return {"result": url, "url": url}


def _query(given: dict[str, Json]) -> dict[str, Any]:
    url = with_query(text_of(given, "url"), needed(given, "params"))
    return {"result": url, "url": url}


def _encode(given: dict[str, Json]) -> dict[str, Any]:
    safe = given.get("safe", "")
    if not safe.isascii():
        raise bad("safe", "has characters that a URL cannot have")
    return {"result": _escaped(text_of(given, "text"), safe)}


def _decode(given: dict[str, Json]) -> dict[str, Any]:
    try:
        return {"result": unquote(text_of(given, "text"), errors="strict")}
    except UnicodeError:
        raise bad("text", "stands for bytes that are no text") from None


_DONE: Final[Mapping[str, Callable[[dict[str, Json]], dict[str, Any]]]] = {
    "parse": _parse,
    "build": _build,
    "query": _query,
    "encode": _encode,
    "decode": _decode,
}


def done(given: dict[str, Json]) -> dict[str, Any]:
    """Return the output of an input."""
    return _DONE[given["op"]](given)


run: Final = in_place(done)
