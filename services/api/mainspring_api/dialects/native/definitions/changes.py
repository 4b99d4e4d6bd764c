"""Storing workflows, changing them, and taking them away.

A change is a new version beside the old ones: what a run began with it ends with.  Content that is
the same makes no version, so that a deployment can be repeated.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.definition import Definition
from mainspring.domain.errors import (
    AlreadyExists,
    DefinitionInvalid,
    NotFound,
    Rejected,
    VersionConflict,
)
from mainspring.domain.message import Json, replace
from mainspring.domain.rows import IdempotencyRow
from mainspring.http import bodies
from mainspring.http.answers import as_uuid, encode
from mainspring.http.caller import Caller, native_caller_of
from mainspring.http.idempotency import Again, Keep, Reply
from mainspring.ports import Lineage
from mainspring.runtime import crash
from mainspring.runtime.engine import NewDefinition
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions import present
from mainspring_api.dialects.native.definitions.compile import (
    DIALECT,
    MOST_CHILDREN,
    children_of,
    compile_workflow,
)
from mainspring_api.dialects.native.definitions.found import (
    FIRST,
    Workflow,
    find,
    lineage_of,
    of,
    runnable,
    there,
)
from mainspring_api.dialects.native.definitions.parts import caller_in, object_in, without
from mainspring_api.dialects.native.definitions.starts import sync
from mainspring_api.dialects.native.definitions.steps import Pin
from mainspring_api.dialects.native.ids import version_id
from mainspring_api.dialects.versions import Kept, as_stored

PLACE: Final = "/v1/workflows/"
TRIES: Final = 10
MOST_AT_ONCE: Final = 1000


class _Form(NamedTuple):
    """A version to store: what it says and means, and what it comes after."""

    id: str
    source: Json
    compiled: Definition
    began_at: float | None = None
    after: float = 0.0


async def create(api: Api, request: Request) -> Response:
    """Store a new workflow; a slug that was deleted goes on counting its versions."""
    body = await bodies.read_json(request)
    sent = object_in(body)
    caller = caller_in(request, sent)
    source = without(sent, "project_id")

    async def effect(keep: Keep) -> Reply:
        slug = source.get("slug")
        line = await lineage_of(api, caller.project, slug) if isinstance(slug, str) else None
        id = api.engine.ids.uuid7() if line is None else line.id
        compiled = await _compiled(api, caller, id, source)
        if line is not None and line.newest is not None:
            raise _taken(compiled.name)
        form = _Form(id, source, compiled)
        if line is not None:
            numbered = replace(compiled, version=_next(line))
            form = _Form(id, source, numbered, after=line.last_at)
        try:
            made = await _store(api, caller, form, keep, 201)
        except AlreadyExists:
            raise _taken(compiled.name) from None
        return Reply(201, encode(present.workflow(made)), PLACE + made.id)

    return await api.once.answer(request, caller, body, effect, _again(api, caller))


def _taken(slug: str) -> AlreadyExists:
    return AlreadyExists(f"the slug {slug} is taken")


def _next(line: Lineage) -> str:
    return str(int(line.last) + 1)


async def change(api: Api, request: Request) -> Response:
    """Store a workflow's next version: its newest one with the fields that were sent."""
    body = await bodies.read_json(request)
    sent = object_in(body)
    caller = caller_in(request, sent)
    named = request.path_params["id"]

    async def effect(keep: Keep) -> Reply:
        taken = 0
        for _ in range(TRIES):
            line = await there(api, caller.project, named)
            number = max(int(line.last), taken) + 1
            try:
                changed = await _changed(api, caller, line, str(number), sent, keep)
            except AlreadyExists:
                # Another change was first, and this one goes on top of it; or it is a version of
                # the same name in another dialect.
                taken = number
                continue
            return Reply(200, encode(present.workflow(changed)))
        raise VersionConflict("the workflow is being changed by others")

    return await api.once.answer(request, caller, body, effect, _again(api, caller))


async def _changed(
    api: Api, caller: Caller, line: Lineage, version: str, sent: Mapping[str, Json], keep: Keep
) -> Workflow:
    """Return the workflow as it is after a change, stored as a version unless it is the same."""
    newest = of(line)
    source = without({**newest.source, **sent, "slug": newest.row.name}, "project_id")
    is_renamed = sent.get("slug") not in (None, newest.row.name)
    before = ["slug: cannot be changed"] if is_renamed else []
    compiled = replace(await _compiled(api, caller, line.id, source, before), version=version)
    old = await api.engine.compiled(newest.row.compiled)
    if source == newest.source and compiled == replace(old, version=version):
        await sync(api, caller, line.id, source)
        return newest
    form = _Form(line.id, source, compiled, line.began_at, line.last_at)
    return await _store(api, caller, form, keep, 200)


async def _compiled(
    api: Api, caller: Caller, id: str, source: dict[str, Json], faults: Sequence[str] = ()
) -> Definition:
    """Return what a workflow means; raise `DefinitionInvalid` with its faults after others."""
    pins: dict[str, Pin] = {}
    for name in children_of(source)[:MOST_CHILDREN]:
        if name == source.get("slug") or as_uuid(name) == id:
            pins[name] = Pin(id, None)
            continue
        try:
            child = await runnable(api, caller.project, name)
        except NotFound:
            continue  # it is told with all the other faults
        pins[name] = Pin(child.id, child.row.compiled)
    try:
        compiled = compile_workflow(source, FIRST, pins)
    except DefinitionInvalid as refused:
        raise DefinitionInvalid([*faults, *refused.faults]) from None
    if faults:
        raise DefinitionInvalid(faults)
    return compiled


async def _store(api: Api, caller: Caller, form: _Form, keep: Keep, status: int) -> Workflow:
    """Store a version.  Of the answer only that is kept which the event does not say."""
    version = form.compiled.version
    kept = Reply(status, encode(Kept(version, form.began_at)), PLACE + form.id)
    entry = NewDefinition(
        id=version_id(form.id, version),
        project=caller.project,
        name=form.compiled.name,
        version=version,
        dialect=DIALECT,
        source=form.source,
        compiled=form.compiled,
        after=form.after,
    )
    row = await api.engine.store_definition(entry, keep(kept))
    # crash here: the version is durable, its schedule is not; the same change again mends it
    crash.here("native.stored")
    await sync(api, caller, form.id, form.source)
    return Workflow(form.id, form.began_at or row.created_at, row, form.source)


def _again(api: Api, caller: Caller) -> Again:
    async def again(kept: IdempotencyRow) -> Reply:
        id = kept.location.removeprefix(PLACE)
        # Who was first may have died between the version and its schedule.
        line = await lineage_of(api, caller.project, id)
        if line is not None and line.newest is not None:
            with suppress(Rejected):
                await sync(api, caller, line.id, of(line).source)
        what = msgspec.json.decode(kept.response, type=Kept)
        row, source = await as_stored(api, id, what.version)
        found = present.workflow(Workflow(id, what.began_at or row.created_at, row, source))
        return Reply(kept.status, encode(found), kept.location if kept.status == 201 else "")

    return again


async def delete(api: Api, request: Request) -> Response:
    """Delete a workflow in all its versions; its runs go on."""
    caller = native_caller_of(request)
    gone = await find(api, caller.project, request.path_params["id"])
    name = gone.row.name
    # More than one round only if there are very many versions, or one was stored meanwhile.
    while found := await api.views.versions(caller.project, DIALECT, name, limit=MOST_AT_ONCE):
        rows = [each.row for each in found]
        await api.engine.delete_definitions(rows, meta=caller.meta())
    # crash here: the workflow is gone, its schedule is not; that starts nothing then
    crash.here("native.deleted")
    await sync(api, caller, gone.id, {})
    return Response(status_code=204)
