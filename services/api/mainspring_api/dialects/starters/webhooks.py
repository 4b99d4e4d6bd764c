"""Calling a webhook: whoever knows its address, and can sign if it has a secret, starts a run.

The address alone says which project it is, so no header need be sent that a sender cannot set.
What is unknown, removed or disabled looks the same from outside.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final, NamedTuple, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain import starters as s
from mainspring.domain.conditions import ROOTS, meets
from mainspring.domain.envelope import Idempotency, Meta, StreamId
from mainspring.domain.errors import DefinitionInvalid, KeyReused, LogUnavailable, NotFound
from mainspring.domain.message import Json
from mainspring.domain.secrets import HEADERS as SECRET
from mainspring.domain.starter_faults import LONGEST_WAIT
from mainspring.http import bodies
from mainspring.http.answers import encode
from mainspring.http.caller import DEFAULT_PROJECT
from mainspring.http.faults import shown
from mainspring.http.idempotency import Reply
from mainspring.ports import ExecutionDetail, Refused
from mainspring.runtime.fires import Fires, Told
from mainspring_api.context import Api
from mainspring_api.dialects.starters import wire
from mainspring_api.dialects.starters.signed import HEADERS, Mark, mark_of, names_of

PLACE: Final = "/api/v1/executions/"
ENDED: Final = frozenset({"succeeded", "failed", "corrupted", "canceled", "timed_out"})
UNSHOWN: Final = SECRET | set(HEADERS)
"""Headers that no run is told of, beside that in which its webhook has its signature."""

MOST_HEADERS: Final = 100
ROUTE: Final = "webhook"
"""Where the signatures of deliveries are kept, so that none starts a second run."""


class _Call(NamedTuple):
    """A delivery: to whom, what is known of it, and the address in the words of its dialect."""

    starter: s.Starter
    spec: s.Webhook
    body: bytes
    named: dict[str, Json]


async def by_key(api: Api, request: Request) -> Response:
    """Start the flow of a key."""
    key = request.path_params["key"]
    starter = await _there(api, request, key, key)
    return await _answer(api, request, starter, {"key": key})


async def by_path(api: Api, request: Request) -> Response:
    """Start the workflow of a path."""
    path = s.plain_path(request.path_params["path"])
    query = request.query_params.get("project_id")
    project = query or request.headers.get("x-project-id", DEFAULT_PROJECT)
    starter = await _there(api, request, f"{project}\n{path}", path)
    return await _answer(api, request, starter, {"path": f"/hooks/{path}"})


async def _there(api: Api, request: Request, address: str, named: str) -> s.Starter:
    found = await api.views.webhook(address)
    if found is None or not found.row.enabled or found.row.removed_at is not None:
        raise NotFound(f"no webhook {shown(named)}")
    spec = found.form.spec
    if isinstance(spec, s.Webhook) and request.method not in spec.methods:
        allowed = ", ".join(sorted(spec.methods))
        raise HTTPException(405, f"{request.method} is not allowed here", {"Allow": allowed})
    return found


async def _answer(
    api: Api, request: Request, starter: s.Starter, named: dict[str, Json]
) -> Response:
    spec = starter.form.spec
    assert isinstance(spec, s.Webhook)  # noqa: S101 - only webhooks have an address
    body = await request.body()
    most = min(spec.max_bytes or api.config.max_payload_bytes, api.config.max_payload_bytes)
    if len(body) > most:
        raise HTTPException(413, f"the body is larger than {most} bytes")
    call = _Call(starter, spec, body, named)
    now = api.engine.clock.now()
    mark = mark_of(starter, spec, request.headers, body, now)
    id = await _known(api, starter, mark)
    is_new = id is None
    if id is None:
        told = _trigger(request, call)
        if not await _meets(spec, told):
            return Response(status_code=204)
        id, is_new = await _start(api, request, call, mark, told)
    found = await api.views.execution(id)
    if found is None:
        raise NotFound(f"no execution {id}")
    if not is_new:
        _check_same(request, call, found)
    reply = await _reply(api, request, call, found)
    return reply.response(replayed=not is_new)


def _check_same(request: Request, call: _Call, run: ExecutionDetail) -> None:
    """Raise `KeyReused` where an idempotency key brings another body than it did before.

    Of a delivery's own id that is not asked: a sender may well write the same thing another way.
    """
    payload = run.payload
    if not request.headers.get("idempotency-key") or not isinstance(payload, dict):
        return
    trigger = cast("dict[str, dict[str, Json]]", payload).get("trigger", {})
    if trigger.get("body") != _payload(call.body):
        raise KeyReused("the idempotency key was used for another request")


async def _known(api: Api, starter: s.Starter, mark: Mark) -> str | None:
    """Return the run that a delivery has started already."""
    for row in await api.views.executions_by_id(mark.ids):
        if row.created_at >= mark.since or row.id == mark.ids[0]:
            return row.id
    for key in mark.keys:
        kept = await api.views.idempotency(starter.row.project, _actor(starter), ROUTE, key)
        if kept is not None and kept.at >= mark.since:
            return kept.location.removeprefix(PLACE)
    return None


def _actor(starter: s.Starter) -> str:
    return f"webhook:{starter.row.id}"


async def _meets(spec: s.Webhook, told: dict[str, Json]) -> bool:
    """Say whether a delivery is one of those that start a run; an unsound condition is a 400."""
    if not spec.conditions:
        return True
    # Beside the loop: what one expression may cost is bounded, and is much for those who wait.
    return await asyncio.to_thread(meets, spec.conditions, {name: told[name] for name in ROOTS})


async def _start(
    api: Api, request: Request, call: _Call, mark: Mark, trigger: dict[str, Json]
) -> tuple[str, bool]:
    """Start a run, or find the one that another has started meanwhile."""
    id = mark.ids[0] if mark.ids else api.engine.ids.uuid7()
    told = Told(id, trigger)
    outcome = await Fires(api.engine).deliver(call.starter, told, _meta(request, call, mark, id))
    if not isinstance(outcome, Refused):
        return id, True
    if outcome.why == "key_taken":
        return await _known(api, call.starter, mark) or id, False
    return id, False


def _meta(request: Request, call: _Call, mark: Mark, id: str) -> Meta:
    actor = _actor(call.starter)
    kept = Idempotency(actor, ROUTE, mark.keys[0], "", 202, "", PLACE + id) if mark.keys else None
    state = request.state
    return Meta(
        actor=actor,
        correlation=state.request_id,
        traceparent=state.traceparent,
        request_id=state.request_id,
        idempotency=kept,
    )


def _trigger(request: Request, call: _Call) -> dict[str, Json]:
    """Return what a run is told of the request that started it."""
    payload = _payload(call.body)
    names = list(dict.fromkeys(request.headers.keys()))[:MOST_HEADERS]
    unshown = UNSHOWN.union(names_of(call.spec))
    return {
        "type": "webhook",
        "payload": payload,
        "body": payload,
        "headers": {name: request.headers[name] for name in names if name not in unshown},
        "query": dict(request.query_params),
        "method": request.method,
        **call.named,
    }


def _payload(body: bytes) -> Json:
    """Return a body as JSON if it is that, else as text."""
    try:
        return bodies.value(body)
    except DefinitionInvalid:
        return body.decode("utf-8", "replace")


# Answers.


async def _reply(api: Api, request: Request, call: _Call, run: ExecutionDetail) -> Reply:
    """Return what is answered of a run that has begun: its end, if that is waited for and comes.

    Whatever becomes of the waiting, the run has begun: from here on nothing is an error.
    """
    id = run.row.id
    begun = Reply(202, encode(await _begun(api, call, run)), PLACE + id)
    if call.spec.mode != "wait":
        return begun
    with suppress(LogUnavailable):
        ended = await _ended(api, request, id, min(call.spec.wait_seconds, LONGEST_WAIT))
        if ended is not None:
            return Reply(200, encode(await _done(api, call, ended)), PLACE + id)
    return begun


async def _begun(api: Api, call: _Call, run: ExecutionDetail) -> wire.Delivered | wire.Hooked:
    row = run.row
    if "path" in call.named:
        return wire.Hooked(execution_id=row.id, workflow=row.name, version=_number(row.version))
    steps = (await api.engine.compiled(row.definition)).steps
    # As flows count: neither what comes after the end nor what makes the outputs is a task.
    total = sum(not step.after and not step.ref.startswith("$") for step in steps)
    return wire.Delivered(execution_id=row.id, status="QUEUED", tasks_total=total)


async def _done(api: Api, call: _Call, run: ExecutionDetail) -> wire.Done | wire.HookDone:
    row, outputs = run.row, await Fires(api.engine).outputs(run)
    if "path" in call.named:
        return wire.HookDone(
            execution_id=row.id,
            workflow=row.name,
            version=_number(row.version),
            status=s.word_of("runs", row.status),
            outputs=outputs,
        )
    return wire.Done(execution_id=row.id, status=s.word_of("flows", row.status), outputs=outputs)


def _number(version: str) -> int | str:
    return int(version) if version.isascii() and version.isdecimal() else version


async def _ended(api: Api, request: Request, id: str, seconds: float) -> ExecutionDetail | None:
    """Return a run that ends within so many seconds, and None when it does not.

    None also when nobody waits for it any more, or it is there no more.
    """
    over = asyncio.ensure_future(_nobody_waits(api, request))
    try:
        with suppress(TimeoutError):
            async with (
                api.feed.to_stream(StreamId("execution", id)) as ear,
                asyncio.timeout(seconds),
            ):
                while not over.done():
                    found = await api.views.execution(id)
                    if found is None or found.row.status in ENDED:
                        return found
                    await _either(ear.heard(), asyncio.shield(over))
    finally:
        over.cancel()
    return None


async def _nobody_waits(api: Api, request: Request) -> None:
    await _either(_left(request), api.draining.wait())


async def _left(request: Request) -> None:
    """Return when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _either(*events: Awaitable[object]) -> None:
    """Return when one of these has come."""
    waiting = [asyncio.ensure_future(each) for each in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
