"""Every route of the key-value store, with all that it answers."""

from typing import Final

from mainspring.http.contracts.answers import PAGE
from mainspring.http.contracts.plain import AWAY, BODY, INVALID, STALE, UNKNOWN, conflict
from mainspring.http.operations import Operation, Query
from mainspring_api.dialects.kv import handlers, wire

TAG: Final = "kv"
KEY: Final = "/api/v1/kv/{namespace}/{key}"
_IF_MATCH: Final = Query("If-Match", "The version that the value must have, as its ETag says.")
_PREFIX: Final = Query("prefix", "Only keys that begin so.")

OPERATIONS: Final = (
    Operation(
        "PUT",
        KEY,
        handlers.put,
        "Set a value",
        {
            200: ("The value, changed.", wire.KeyValue),
            201: ("The value, new.", wire.KeyValue),
            **INVALID,
            **conflict("There is a value already, and `createOnly` was asked for."),
            **UNKNOWN,
            **STALE,
            **BODY,
            **AWAY,
        },
        body=wire.Setting,
        query=(
            Query("ttl", "How long it is kept: seconds or a duration; the header `ttl` does too."),
            Query("createOnly", "Only where there is none.", {"type": "boolean"}),
        ),
        headers=(_IF_MATCH,),
        example={"value": {"seen": 42}, "ttl": "24h"},
        tag=TAG,
        name="setValue",
    ),
    Operation(
        "GET",
        KEY,
        handlers.get,
        "Get a value",
        {200: ("The value.", wire.KeyValue), **INVALID, **UNKNOWN, **AWAY},
        tag=TAG,
        name="getValue",
    ),
    Operation(
        "DELETE",
        KEY,
        handlers.delete,
        "Remove a value",
        {204: ("It is gone.", None), **INVALID, **UNKNOWN, **STALE, **AWAY},
        headers=(_IF_MATCH,),
        tag=TAG,
        name="removeValue",
    ),
    Operation(
        "GET",
        "/api/v1/kv/{namespace}",
        handlers.get_all,
        "List the keys of a namespace",
        {200: ("Keys, in order.", tuple[wire.Key, ...]), **INVALID, **AWAY},
        query=(
            _PREFIX,
            Query("values", "With their values.", {"type": "boolean"}),
            *PAGE,
        ),
        tag=TAG,
        name="listKeys",
    ),
)
