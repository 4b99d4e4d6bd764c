"""Storing definitions: under an id, and under a name and a version that stay theirs for ever."""

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.catalog import DefinitionStored
from mainspring.domain.envelope import StreamId
from mainspring.domain.errors import Corrupt, DefinitionInvalid, NotFound
from mainspring.domain.rows import IdempotencyRow
from mainspring.domain.upcast import decode
from mainspring.http import bodies
from mainspring.http.answers import as_uuid, encode, identity, json, listed, uuid_page
from mainspring.http.caller import caller_of
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.instants import shown
from mainspring.http.paging import cursor
from mainspring.http.query import query_of
from mainspring.ports import DefinitionDetail
from mainspring.runtime.engine import NewDefinition
from mainspring_api.context import Api
from mainspring_api.dialects.sagas import present, wire
from mainspring_api.dialects.sagas.compile import DIALECT, compile_definition

PLACE = "/sagas/definitions/"


async def create(api: Api, request: Request) -> Response:
    """Store a definition under a new id."""
    return await _store(api, request, None)


async def insert(api: Api, request: Request) -> Response:
    """Store a definition under an id of the caller's choice, a UUID."""
    text = request.path_params["id"]
    id = as_uuid(text)
    if id is None:
        raise DefinitionInvalid([f"id: must be a UUID, is {text[:64]!r}"])
    return await _store(api, request, id)


async def _store(api: Api, request: Request, chosen: str | None) -> Response:
    caller, body = caller_of(request), await bodies.read_json(request)

    async def effect(keep: Keep) -> Reply:
        compiled = api.compiled.of(body, compile_definition)
        id = chosen or api.engine.ids.uuid7()
        source = bodies.value(body)
        entry = NewDefinition(
            id=id,
            project=caller.project,
            name=compiled.name,
            version=compiled.version,
            dialect=DIALECT,
            source=source,
            compiled=compiled,
        )
        # The definition itself is in the event already: the answer is made from that again.
        meta = keep(Reply(201, location=PLACE + id))
        row = await api.engine.store_definition(entry, meta)
        return Reply(201, encode(present.stored(row, source)), PLACE + id)

    async def again(kept: IdempotencyRow) -> Reply:
        return await _stored_before(api, kept)

    return await api.once.answer(request, caller, body, effect, again)


async def _stored_before(api: Api, kept: IdempotencyRow) -> Reply:
    """Return the answer that storing gave, also when the definition has been deleted since."""
    id = kept.location.removeprefix(PLACE)
    stream = StreamId("definition", id)
    first = (await api.engine.log.read([stream]))[stream][0]
    event = decode("definition", first.type, first.schema_version, first.body)
    if not isinstance(event, DefinitionStored):
        raise Corrupt(f"stream {stream} begins with {first.type}")
    found = wire.StoredDefinition(
        id=id,
        name=event.name,
        version=event.version,
        definition=event.source,
        created_at=shown(event.at),
        updated_at=shown(event.at),
    )
    return Reply(kept.status, encode(found), kept.location)


async def get(api: Api, request: Request) -> Response:
    """Return a stored definition by its id."""
    id = identity(request.path_params["id"], "definition")
    found = await api.views.definition(project=caller_of(request).project, id=id)
    return _found(found, f"no definition {id}")


async def get_by_name(api: Api, request: Request) -> Response:
    """Return a stored definition by its name and version."""
    name, version = request.path_params["name"], request.path_params["version"]
    project = caller_of(request).project
    found = await api.views.definition(project=project, name=name, version=version)
    return _found(found, f"no definition {name} {version}")


def _found(found: DefinitionDetail | None, otherwise: str) -> Response:
    if found is None or found.row.dialect != DIALECT:
        raise NotFound(otherwise)
    return json(present.stored(found.row, found.source))


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the project's definitions, newest first."""
    caller, page = caller_of(request), uuid_page(query_of(request))
    found = await api.views.definitions(
        caller.project, dialect=DIALECT, limit=page.limit + 1, before=page.before
    )
    rows = found[: page.limit]
    last = rows[-1].row if len(found) > page.limit else None
    after = cursor(last.created_at, last.id) if last else None
    return listed(request, [present.stored(each.row, each.source) for each in rows], after)


async def delete(api: Api, request: Request) -> Response:
    """Delete a definition; its name and version stay taken, and its runs go on."""
    caller = caller_of(request)
    id = identity(request.path_params["id"], "definition")
    found = await api.views.definition(project=caller.project, id=id)
    is_ours = found is not None and found.row.dialect == DIALECT
    if not is_ours or not await api.engine.delete_definition(
        id, project=caller.project, meta=caller.meta()
    ):
        raise NotFound(f"no definition {id}")
    return Response(status_code=204)
