"""Beginning a run of a workflow: durable when it is answered, and readable at once."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import StreamId
from mainspring.domain.errors import Corrupt
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json
from mainspring.domain.rows import IdempotencyRow
from mainspring.http import bodies
from mainspring.http.answers import encode
from mainspring.http.faults import Faults
from mainspring.http.idempotency import Again, Keep, Reply
from mainspring.http.reading import read
from mainspring.runtime.beginnings import payload_of
from mainspring.runtime.engine import Start
from mainspring.store.views import execution_row
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions import wire
from mainspring_api.dialects.native.definitions.compile import check_tags
from mainspring_api.dialects.native.definitions.found import runnable
from mainspring_api.dialects.native.definitions.parts import caller_in, object_in
from mainspring_api.dialects.native.runs import present as runs

PLACE = "/v1/workflow-runs/"


async def trigger(api: Api, request: Request) -> Response:
    """Begin a run of a workflow's newest version, or of the one asked for."""
    body = await request.body()
    if body.strip():
        body = await bodies.read_json(request)
    sent = object_in(body.strip() or b"{}")
    caller = caller_in(request, sent)
    named = request.path_params["id"]

    async def effect(keep: Keep) -> Reply:
        asked = _asked(api, sent)
        found = await runnable(api, caller.project, named, asked.version)
        definition = await api.engine.compiled(found.row.compiled)
        start = Start(
            id=api.engine.ids.uuid7(),
            project=caller.project,
            dialect=found.row.dialect,
            name=found.row.name,
            version=found.row.version,
            payload=payload_of(definition, found.row.dialect, asked.payload),
            catalog_id=found.id,
            triggered_by=asked.triggered_by,
            tags={**(found.source.get("tags") or {}), **asked.tags},
        )
        kept = keep(Reply(202, location=PLACE + start.id))
        begun = await api.engine.start(definition, start, kept)
        return Reply(202, _shown(begun), PLACE + start.id)

    return await api.once.answer(request, caller, body, effect, _again(api))


def _asked(api: Api, sent: dict[str, Json]) -> wire.Trigger:
    faults = Faults()
    asked = read(sent, wire.Trigger, faults)
    if asked is not None:
        check_tags(asked.tags, faults)
    faults.check()
    assert asked is not None, "what has no fault can be read"  # noqa: S101
    most = api.config.max_payload_bytes
    if len(encode(asked.payload)) > most:
        raise HTTPException(413, f"the payload is larger than {most} bytes")
    return asked


def _again(api: Api) -> Again:
    async def again(kept: IdempotencyRow) -> Reply:
        id = kept.location.removeprefix(PLACE)
        stream = StreamId("execution", id)
        first = (await api.engine.log.read([stream]))[stream][0]
        begun = await api.engine.load(id, as_of=first.position)
        if begun is None:
            raise Corrupt(f"stream {stream} has no beginning")
        return Reply(kept.status, _shown(begun), kept.location)

    return again


def _shown(x: Execution) -> bytes:
    payload = x.requested.payload if x.requested is not None else None
    return encode(runs.run(execution_row(x), x.definition, payload))
