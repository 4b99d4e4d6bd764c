"""The OpenAPI document, made from the table of operations and the structs of the wire.

Nothing is written by hand a second time: a route that is not in the table does not exist, and a
field that is not in a struct is not read.  `proto/openapi.json` is this document in a file.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from mainspring.http.contracts.refusal import Refusal
from mainspring.http.operations import Operation, Query
from mainspring_api.links import links

VERSION: Final = "1.0.0"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")
_TEXT: Final = {"type": "string"}
_KEY: Final = Query(
    "Idempotency-Key",
    "The same key with the same request has one effect and one answer, for a day.",
    {"type": "string", "maxLength": 256},
)
_PROJECT: Final = Query("X-Project-Id", "The project.", {"type": "string", "default": "default"})
_ACTOR: Final = Query("X-Actor-Id", "Who asks.", {"type": "string", "default": "anonymous"})
_PROBES: Final = (
    ("/healthz", "Liveness probe", "ok", "A loop of the process has stopped."),
    ("/readyz", "Readiness probe", "ready", "It cannot serve now; the text says why."),
    ("/metrics", "Prometheus metrics", "The metrics, in Prometheus's text format.", ""),
)
_PROBED: Final = {
    "type": "object",
    "properties": {
        "status": {"enum": ["ok", "unavailable"]},
        "checks": {"type": "object", "additionalProperties": _TEXT},
    },
    "required": ["status"],
}
"""What a probe answers who asks for JSON; `checks` say what is the matter."""

_STREAMS: Final = (
    (
        "/v1/workflow-runs/{id}/stream",
        "Follow a run, of whichever dialect",
        "Its present state, then each event, until it has ended.",
    ),
    (
        "/v1/log/stream",
        "Follow the log of a project",
        "Each event behind the position `after`, as a CloudEvent.",
    ),
)
_RESUME: Final = (
    Query("after", "A position of the log: what follows it.", {"type": "integer", "minimum": 0}),
)
_ANYWHERE: Final[Mapping[int, str]] = {
    400: "A parameter or a header cannot be read; all faults at once.",
    404: "There is nothing under this path.",
    413: "The body is too large.",
    503: "The store cannot be reached, or the server is full; ask again.",
}
"""What every operation may answer, whatever its table says."""

Json = dict[str, Any]


def document(operations: Sequence[Operation]) -> Json:
    """Return the OpenAPI 3.1 document of all operations."""
    schemas, components = _schemas(operations)
    paths: dict[str, Json] = {}
    for path, summary, text, failure in _PROBES:
        paths[path] = {"get": _probe(path, summary, text, failure)}
    for operation in operations:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, schemas)
    for (method, path, status), found in links(operations, operation_id).items():
        if method.lower() in paths.get(path, {}):
            paths[path][method.lower()]["responses"][str(status)]["links"] = found
    for path, summary, text in _STREAMS:
        paths[path] = {"get": _stream(path, summary, text, schemas[Refusal])}
    tags = dict.fromkeys(["health", *(operation.tag for operation in operations), "streams"])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mainspring",
            "version": VERSION,
            "description": "Durable workflows over HTTP.",
        },
        "servers": [{"url": "http://127.0.0.1:8080"}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {"schemas": components},
    }


def _schemas(operations: Iterable[Operation]) -> tuple[dict[Any, Json], Json]:
    """Return the schema of each type that is sent or answered, and what they refer to."""
    types: dict[Any, None] = {Refusal: None}
    for operation in operations:
        types |= dict.fromkeys(operation.mentions)
        if operation.body is not None:
            types[operation.body] = None
        for _, answer in _answers(operation).values():
            if answer is not None and not isinstance(answer, str):
                types[answer] = None
    found, components = msgspec.json.schema_components(
        list(types), ref_template="#/components/schemas/{name}"
    )
    return dict(zip(types, found, strict=True)), components


def _operation(operation: Operation, schemas: Mapping[Any, Json]) -> Json:
    described: Json = {
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": operation_id(operation),
        "parameters": _parameters(operation),
        "responses": {
            str(status): _answer(text, kind, schemas)
            for status, (text, kind) in sorted(_answers(operation).items())
        },
    }
    if operation.also:
        described["responses"]["200"]["content"] |= {
            kind: {"schema": _TEXT} for kind in operation.also
        }
    if "{" in operation.path and isinstance(_answers(operation)[404][1], str):
        # A parameter that no name could be is refused before the handler is asked.
        described["responses"]["404"]["content"]["application/json"] = {"schema": schemas[Refusal]}
    if operation.detail:
        described["description"] = operation.detail
    if operation.body is not None:
        content: Json = {"schema": schemas[operation.body]}
        if operation.example is not None:
            content["example"] = operation.example
        described["requestBody"] = {
            "required": operation.example is not None,
            "content": {
                "application/json": content,
                **{kind: {"schema": _TEXT} for kind in operation.texts},
            },
        }
    return described


def _answers(operation: Operation) -> dict[int, tuple[str, Any]]:
    """Return what an operation answers, with what any of them may."""
    refusals = (kind for status, (_, kind) in operation.answers.items() if status >= 400)
    kind = next((kind for kind in refusals if not isinstance(kind, str)), Refusal)
    most = {413: _ANYWHERE[413]} if operation.method != "GET" else {}
    named = {404: _ANYWHERE[404]} if "{" in operation.path else {}
    anywhere = {400: _ANYWHERE[400], **named, **most, 503: _ANYWHERE[503]}
    return {status: (text, kind) for status, text in anywhere.items()} | dict(operation.answers)


def operation_id(operation: Operation) -> str:
    """Return the name of an operation for code generators."""
    if operation.name:
        return operation.name
    module = operation.handler.__module__.rpartition(".")[2]
    name = cast("Any", operation.handler).__name__
    return f"{operation.tag.replace(' ', '_')}_{module}_{name}"


def _parameters(operation: Operation) -> list[Json]:
    named = [Query(name, "", _TEXT) for name in _PARAMETER.findall(operation.path)]
    found = [_parameter(one, "path", required=True) for one in named]
    found += [_parameter(one, "query") for one in operation.query]
    headers = [_PROJECT, _ACTOR, *([_KEY] if operation.idempotent else []), *operation.headers]
    return found + [_parameter(one, "header") for one in headers]


def _parameter(one: Query, place: str, *, required: bool = False) -> Json:
    told = {"description": one.meaning} if one.meaning else {}
    return {"name": one.name, "in": place, "required": required, **told, "schema": one.schema}


def _answer(text: str, kind: Any, schemas: Mapping[Any, Json]) -> Json:  # noqa: ANN401
    if kind is None:
        return {"description": text}
    if isinstance(kind, str):
        return {"description": text, "content": {kind: {"schema": _TEXT}}}
    return {"description": text, "content": {"application/json": {"schema": schemas[kind]}}}


def _probe(path: str, summary: str, text: str, failure: str) -> Json:
    content: Json = {"text/plain": {"schema": _TEXT}}
    if failure:  # the metrics have one form alone
        content["application/json"] = {"schema": _PROBED}
    answers = {"200": {"description": text, "content": content}}
    if failure:
        answers["503"] = {"description": failure, "content": content}
    return {
        "tags": ["health"],
        "summary": summary,
        "operationId": f"health_{path[1:]}",
        "responses": answers,
    }


def _stream(path: str, summary: str, text: str, refusal: Json) -> Json:
    """Describe a stream of the events service, which is reached through the api."""
    refused = {"content": {"application/json": {"schema": refusal}}}
    named = [
        _parameter(Query(name, ""), "path", required=True) for name in _PARAMETER.findall(path)
    ]
    asked = [_parameter(one, "query") for one in _RESUME]
    headers = [_PROJECT, Query("Last-Event-ID", "The position that was seen last.")]
    content = {"text/event-stream": {"schema": _TEXT}}
    return {
        "tags": ["streams"],
        "summary": summary,
        "operationId": f"streams_{path.split('/')[2].replace('-', '_')}",
        "parameters": [*named, *asked, *(_parameter(one, "header") for one in headers)],
        "responses": {
            "200": {"description": text, "content": content},
            "204": {"description": "It has ended and all of it was seen."},
            "400": {"description": _ANYWHERE[400], **refused},
            "404": {"description": "There is no such run in this project.", **refused},
            "503": {"description": "The events service is away; come back.", **refused},
        },
    }
