"""Beginning runs, and what can be asked of one that has begun."""

from collections.abc import Mapping
from typing import TypeAlias, cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.definition import Definition
from mainspring.domain.errors import DefinitionInvalid, IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http import bodies
from mainspring.http.answers import encode
from mainspring.http.caller import Caller, caller_of
from mainspring.http.idempotency import Keep, Reply
from mainspring.runtime.engine import Start
from mainspring_api.context import Api
from mainspring_api.dialects.sagas import wire
from mainspring_api.dialects.sagas.compile import DIALECT, compile_definition
from mainspring_api.dialects.sagas.parts import in_words, saga_id

Found: TypeAlias = Mapping[str, msgspec.Raw]


async def run_inline(api: Api, request: Request) -> Response:
    """Begin a run of the definition in the body; 202 once it is durable."""
    caller, body = caller_of(request), await bodies.read_json(request)

    async def effect(keep: Keep) -> Reply:
        found = bodies.members(body, "definition", "payload")
        definition, payload, _ = bodies.together(
            lambda: _definition(api, found),
            lambda: _payload(api, found),
            lambda: bodies.only(found, "definition", "payload"),
        )
        start = _start(api, caller, definition.name, definition.version, payload)
        return await _begin(api, definition, start, keep)

    return await api.once.answer(request, caller, body, effect)


async def run_stored(api: Api, request: Request) -> Response:
    """Begin a run of a stored definition, of either form."""
    caller, body = caller_of(request), await request.body()
    if body:
        body = await bodies.read_json(request)
    name, version = request.path_params["name"], request.path_params["version"]

    async def effect(keep: Keep) -> Reply:
        found = bodies.members(body or b"{}", "payload")
        payload, _ = bodies.together(
            lambda: _payload(api, found), lambda: bodies.only(found, "payload")
        )
        stored = await api.views.definition(project=caller.project, name=name, version=version)
        if stored is None:
            raise NotFound(f"no definition {name} {version}")
        definition = await api.engine.compiled(stored.row.compiled)
        start = _start(api, caller, name, version, payload, catalog_id=stored.row.id)
        return await _begin(api, definition, start, keep)

    return await api.once.answer(request, caller, body, effect)


def _definition(api: Api, found: Found) -> Json:
    if "definition" not in found:
        raise DefinitionInvalid(["definition: is missing"])
    return api.compiled.of(bytes(found["definition"]), compile_definition)


def _payload(api: Api, found: Found) -> Json:
    most = api.config.max_payload_bytes
    if len(bytes(found.get("payload", b""))) > most:
        raise HTTPException(413, f"the payload is larger than {most} bytes")
    payload = bodies.value(found["payload"]) if "payload" in found else None
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise DefinitionInvalid([f"payload: an object is wanted, not {kind(payload)}"])
    return cast("Json", payload)


def _start(
    api: Api,
    caller: Caller,
    name: str,
    version: str,
    payload: Json,
    *,
    catalog_id: str | None = None,
) -> Start:
    return Start(
        id=api.engine.ids.uuid7(),
        project=caller.project,
        dialect=DIALECT,
        name=name,
        version=version,
        payload=payload,
        catalog_id=catalog_id,
    )


async def _begin(api: Api, definition: Definition, start: Start, keep: Keep) -> Reply:
    reply = Reply(202, encode(wire.Started(id=start.id)), f"/sagas/{start.id}")
    await api.engine.start(definition, start, keep(reply))
    return reply


async def retry(api: Api, request: Request) -> Response:
    """Go on at the failed node, or with the failed compensations."""
    id = saga_id(request)
    reply = Reply(202, encode(wire.Asked(id=id, status="REQUEUED")))
    return await _asked(api, request, id, c.RequestRetry(), reply)


async def cancel(api: Api, request: Request) -> Response:
    """Stop a run, undoing what it has done; asking twice is one wish."""
    id = saga_id(request)
    reply = Reply(202, encode(wire.Asked(id=id, status="CANCELING")))
    return await _asked(api, request, id, c.RequestCancel(reason="canceled on request"), reply)


async def wake(api: Api, request: Request) -> Response:
    """End a sleep early: 202, or 200 when another wake has done so."""
    return await _asked(api, request, saga_id(request), c.RequestWake(), Reply(202), Reply(200))


async def _asked(
    api: Api,
    request: Request,
    id: str,
    command: c.Request,
    reply: Reply,
    unchanged: Reply | None = None,
) -> Response:
    caller, body = caller_of(request), await request.body()

    async def effect(keep: Keep) -> Reply:
        try:
            answer = await api.engine.ask(id, command, project=caller.project, meta=keep(reply))
        except NotFound:
            raise NotFound(f"no saga {id}") from None
        except IllegalTransition as refused:
            raise await in_words(api, id, refused) from None
        return reply if answer.changed else unchanged or reply

    return await api.once.answer(request, caller, body, effect)
