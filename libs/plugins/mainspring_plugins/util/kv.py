"""`util.kv`: the project's key-value store, each change durable when the task has ended.

A task may be done more than once: `set` and `delete` are the same when repeated, `incr` is not, and
the description says so.
"""

from typing import Final

from mainspring.domain.errors import Rejected
from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest, PluginFailed
from mainspring_plugins.support.asked import needed, span, text_of
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import (
    anything,
    choice,
    closed,
    flag,
    gives,
    number,
    of,
    several,
    text,
    whole,
)

MANIFEST: Final = Manifest(
    id="util.kv",
    name="Key-value store",
    category="Utility",
    description=(
        "Reads and writes the project's key-value store. "
        "An increment may count twice when its task has to be done again."
    ),
    input=closed(
        {
            "op": choice("What to do.", "get", "set", "delete", "list", "incr"),
            "namespace": text("The namespace; the project when not given.", minLength=1),
            "key": text("The key; list: what keys begin with.", maxLength=512),
            "value": anything("set: the value."),
            "default": anything("get: the value when there is none."),
            "by": number("incr: how much is added.", default=1),
            "ttl": of(["string", "number"], "set: how long it is kept (1h30m, PT90S, or seconds)."),
            "limit": whole("list: how many at most.", default=100, minimum=1, maximum=1000),
        },
        "op",
    ),
    output=gives(
        {
            "value": anything("get, set, incr: the value."),
            "found": flag("Whether the key was there."),
            "version": whole("set: the version of the value."),
            "keys": several("list: the keys.", {"type": "string"}),
        },
        sometimes=("value", "found", "version", "keys"),
    ),
    examples=(
        {
            "input": {"op": "set", "key": "last", "value": {"n": 1}, "ttl": "1h"},
            "output": {"value": {"n": 1}, "version": 1},
        },
        {
            "input": {"op": "get", "key": "missing", "default": 0},
            "output": {"value": 0, "found": False},
        },
        {"input": {"op": "incr", "key": "count", "by": 2}, "output": {"value": 2}},
    ),
)


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return what the operation gives; what it changed is durable."""
    namespace = given.get("namespace", context.project)
    try:
        if given["op"] == "list":
            limit = int(given.get("limit", 100))
            return {"keys": await context.kv.keys(namespace, given.get("key", ""), limit=limit)}
        return await _of_key(given, context, namespace, text_of(given, "key"))
    except (Rejected, ValueError) as error:
        raise PluginFailed(str(error), final=True) from None


async def _of_key(
    given: dict[str, Json], context: Context, namespace: str, key: str
) -> dict[str, Json]:
    if not key:
        raise bad("key", "is empty")
    match given["op"]:
        case "get":
            found = await context.kv.get(namespace, key)
            value = given.get("default") if found is None else found[0]
            return {"value": value, "found": found is not None}
        case "set":
            value = needed(given, "value")
            ttl = span(given["ttl"], "ttl") if "ttl" in given else None
            version = await context.kv.set(namespace, key, value, ttl=ttl)
            return {"value": value, "version": version}
        case "delete":
            return {"found": await context.kv.delete(namespace, key)}
        case _:
            return {"value": await context.kv.increment(namespace, key, given.get("by", 1))}
