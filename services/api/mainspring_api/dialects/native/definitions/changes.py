"""Storing workflows, changing them, and taking them away.

A change is a new version beside the old ones: what a run began with it ends with.  Content that is
the same makes no version, so that a deployment can be repeated.
"""

from typing import Final, NamedTuple, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.catalog import DefinitionStored
from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Envelope, Meta, StreamId
from mainspring.domain.errors import (
    AlreadyExists,
    Corrupt,
    DefinitionInvalid,
    NotFound,
    VersionConflict,
)
from mainspring.domain.message import Json, replace
from mainspring.domain.rows import DefinitionRow, IdempotencyRow
from mainspring.domain.upcast import decode
from mainspring.http import bodies
from mainspring.http.answers import encode
from mainspring.http.caller import Caller, native_caller_of
from mainspring.http.idempotency import Again, Keep, Reply
from mainspring.runtime.engine import NewDefinition
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions import present
from mainspring_api.dialects.native.definitions.compile import (
    DIALECT,
    children_of,
    compile_workflow,
)
from mainspring_api.dialects.native.definitions.found import FIRST, Workflow, find
from mainspring_api.dialects.native.definitions.parts import caller_in, object_in, without
from mainspring_api.dialects.native.definitions.steps import Pin
from mainspring_api.dialects.native.ids import version_id

PLACE: Final = "/v1/workflows/"
TRIES: Final = 3


class _Form(NamedTuple):
    """A version to store: whose it is, what it says and means, and the instant before it."""

    workflow: str
    source: Json
    compiled: Definition
    after: float = 0.0


async def create(api: Api, request: Request) -> Response:
    """Store a new workflow in its first version."""
    body = await bodies.read_json(request)
    sent = object_in(body)
    caller = caller_in(request, sent)
    source = without(sent, "project_id")

    async def effect(keep: Keep) -> Reply:
        id = api.engine.ids.uuid7()
        form = _Form(id, source, await _compiled(api, caller, source, FIRST))
        row = await _store(api, caller, form, _kept(keep, 201, id, FIRST))
        made = Workflow(row, row, source)
        return Reply(201, encode(present.workflow(made)), PLACE + id)

    return await api.once.answer(request, caller, body, effect, _again(api))


async def change(api: Api, request: Request) -> Response:
    """Store a workflow's next version: its newest one with the fields that were sent."""
    body = await bodies.read_json(request)
    sent = object_in(body)
    caller = caller_in(request, sent)
    named = request.path_params["id"]

    async def effect(keep: Keep) -> Reply:
        for _ in range(TRIES):
            newest = await find(api, caller.project, named)
            try:
                changed = await _changed(api, caller, newest, sent, keep)
            except AlreadyExists:
                continue  # another change was first, and this one goes on top of it
            return Reply(200, encode(present.workflow(changed)))
        raise VersionConflict("the workflow is being changed by others")

    return await api.once.answer(request, caller, body, effect, _again(api))


async def _changed(
    api: Api, caller: Caller, newest: Workflow, sent: dict[str, Json], keep: Keep
) -> Workflow:
    """Return the workflow as it is after a change, stored unless it is the same."""
    if sent.get("slug", newest.row.name) != newest.row.name:
        raise DefinitionInvalid(["slug: cannot be changed"])
    source = without(cast("dict[str, Json]", newest.source) | sent, "project_id")
    number = str(int(newest.row.version) + 1)
    compiled = await _compiled(api, caller, source, number)
    before = replace(await api.engine.compiled(newest.row.compiled), version=number)
    if source == newest.source and compiled.hash == before.hash:
        return newest
    meta = _kept(keep, 200, newest.id, number)
    form = _Form(newest.id, source, compiled, newest.row.created_at)
    row = await _store(api, caller, form, meta)
    return Workflow(newest.first, row, source)


async def _compiled(api: Api, caller: Caller, source: Json, version: str) -> Definition:
    pins: dict[str, Pin] = {}
    for name in children_of(source):
        try:
            child = await find(api, caller.project, name)
        except NotFound:
            continue  # it is told with all the other faults
        pins[name] = Pin(child.id, child.row.compiled)
    return compile_workflow(source, version, pins)


async def _store(api: Api, caller: Caller, form: _Form, meta: Meta) -> DefinitionRow:
    entry = NewDefinition(
        id=version_id(form.workflow, form.compiled.version),
        project=caller.project,
        name=form.compiled.name,
        version=form.compiled.version,
        dialect=DIALECT,
        source=form.source,
        compiled=form.compiled,
        after=form.after,
    )
    return await api.engine.store_definition(entry, meta)


class _Kept(msgspec.Struct, frozen=True):
    """What is kept under an idempotency key: the definition itself is in the event already."""

    version: str


def _kept(keep: Keep, status: int, id: str, version: str) -> Meta:
    return keep(Reply(status, encode(_Kept(version)), PLACE + id))


def _again(api: Api) -> Again:
    async def again(kept: IdempotencyRow) -> Reply:
        id = kept.location.removeprefix(PLACE)
        version = msgspec.json.decode(kept.response, type=_Kept).version
        found = present.workflow(await _as_stored(api, id, version))
        return Reply(kept.status, encode(found), kept.location if kept.status == 201 else "")

    return again


async def _as_stored(api: Api, id: str, version: str) -> Workflow:
    """Return a version as it was stored, also when it has been deleted since."""
    first, row = StreamId("definition", id), StreamId("definition", version_id(id, version))
    histories = await api.engine.log.read(list({first, row}))
    event = _stored_in(histories[row][0])
    return Workflow(
        _row(id, histories[first][0].project, _stored_in(histories[first][0])),
        _row(row.id, histories[row][0].project, event),
        event.source,
    )


def _stored_in(envelope: Envelope) -> DefinitionStored:
    event = decode("definition", envelope.type, envelope.schema_version, envelope.body)
    if not isinstance(event, DefinitionStored):
        raise Corrupt(f"stream {envelope.stream} begins with {envelope.type}")
    return event


def _row(id: str, project: str, event: DefinitionStored) -> DefinitionRow:
    return DefinitionRow(
        id=id,
        project=project,
        name=event.name,
        version=event.version,
        dialect=event.dialect,
        compiled=event.compiled,
        created_at=event.at,
    )


async def delete(api: Api, request: Request) -> Response:
    """Delete a workflow in all its versions; its runs go on."""
    caller = native_caller_of(request)
    found = await find(api, caller.project, request.path_params["id"])
    await api.engine.delete_definition(found.row.id, project=caller.project, meta=caller.meta())
    return Response(status_code=204)
