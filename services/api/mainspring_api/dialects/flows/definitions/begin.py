"""Executing a flow: durable when it is answered, and readable at once."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.definition import Definition
from mainspring.domain.errors import IllegalTransition
from mainspring.domain.message import Json
from mainspring.http.answers import encode
from mainspring.http.caller import Caller
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.reading import read_body
from mainspring.runtime.beginnings import payload_of
from mainspring.runtime.engine import Start
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions import found, wire
from mainspring_api.dialects.flows.definitions.compile import DIALECT, tasks_total
from mainspring_api.dialects.flows.definitions.found import asked
from mainspring_api.dialects.rooms import is_full

EXECUTIONS: Final = "/api/v1/executions/"


async def execute(api: Api, request: Request) -> Response:
    """Begin an execution of a flow's present revision, or of the one asked for."""
    raw, sent = await read_body(request, wire.NewExecution)
    caller, line = await asked(api, request)
    _check_size(api, sent)

    async def effect(keep: Keep) -> Reply:
        flow = found.of(line)
        if flow.source.get("disabled") is True:
            raise IllegalTransition("execute the flow", "disabled")
        if sent.revision is not None:
            flow = await found.revision(api, line, str(sent.revision))
        definition = await api.engine.compiled(flow.row.compiled)
        payload = payload_of(definition, DIALECT, sent.inputs)
        await _check_room(api, caller, definition, payload)
        start = Start(
            id=api.engine.ids.uuid7(),
            project=caller.project,
            dialect=DIALECT,
            name=flow.row.name,
            version=flow.row.version,
            payload=payload,
            catalog_id=flow.id,
            triggered_by="api",
            tags=flow.source.get("labels") or {},
        )
        begun = wire.FlowExecution(
            execution_id=start.id, status="QUEUED", tasks_total=tasks_total(definition)
        )
        reply = Reply(202, encode(begun), EXECUTIONS + start.id)
        await api.engine.start(definition, start, keep(reply))
        return reply

    return await api.once.answer(request, caller, raw, effect)


def _check_size(api: Api, sent: wire.NewExecution) -> None:
    most = api.config.max_payload_bytes
    if len(encode(sent.inputs)) > most:
        raise HTTPException(413, f"the inputs are larger than {most} bytes")


async def _check_room(api: Api, caller: Caller, definition: Definition, payload: Json) -> None:
    """Raise `IllegalTransition` where an execution would be turned away for those that go on."""
    if await is_full(api, caller.project, definition, payload):
        most = definition.max_runs or 0
        many = "execution goes" if most == 1 else "executions go"
        raise IllegalTransition("execute the flow", "at its limit", f"{most} {many} on already")
