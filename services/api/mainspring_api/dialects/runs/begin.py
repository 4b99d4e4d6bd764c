"""Beginning a run by name: durable when it is answered, and readable at once.

Whichever dialect stored a definition, it can be run here.  A workflow that turns runs away over its
limit does so before the run is made, as far as that can be seen by then; of two that come at the
same instant the scheduler turns one away, and that run fails with the reason.
"""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.definition import Definition
from mainspring.domain.message import Json
from mainspring.http.answers import encode
from mainspring.http.caller import Caller, caller_of
from mainspring.http.faults import shown
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.reading import read_body
from mainspring.runtime.beginnings import payload_of
from mainspring.runtime.engine import Start
from mainspring_api.context import Api
from mainspring_api.dialects.rooms import is_full
from mainspring_api.dialects.runs import answers
from mainspring_api.dialects.runs.found import Found, number_of, runnable

PLACE: Final = "/api/v1/executions/"
RETRY_AFTER_S: Final = "1"


async def run(api: Api, request: Request) -> Response:
    """Begin a run of a workflow's newest version, or of the one asked for."""
    raw, asked = await read_body(request, answers.Run)
    caller, name = caller_of(request), request.path_params["workflow"]

    async def effect(keep: Keep) -> Reply:
        found = await runnable(api, caller.project, name, asked.version)
        definition = await api.engine.compiled(found.row.compiled)
        start = _start(api, caller, found, definition, asked)
        _check_size(api, start)
        await check_room(api, caller, definition, start.payload)
        reply = begun(start.id, found.row.name, found.version)
        await api.engine.start(definition, start, keep(reply))
        return reply

    return await api.once.answer(request, caller, raw, effect)


def begun(id: str, workflow: str, version: int | str) -> Reply:
    """Return the answer to what has begun a run."""
    answer = answers.Begun(execution_id=id, workflow=workflow, version=version)
    return Reply(202, encode(answer), PLACE + id)


def _start(
    api: Api, caller: Caller, found: Found, definition: Definition, asked: answers.Run
) -> Start:
    return Start(
        id=api.engine.ids.uuid7(),
        project=caller.project,
        dialect=found.row.dialect,
        name=found.row.name,
        version=found.row.version,
        payload=payload_of(definition, found.row.dialect, asked.inputs),
        catalog_id=found.id,
        triggered_by="api",
    )


def _check_size(api: Api, start: Start) -> None:
    most = api.config.max_payload_bytes
    if len(encode(start.payload)) > most:
        raise HTTPException(413, f"the inputs are larger than {most} bytes")


async def check_room(api: Api, caller: Caller, definition: Definition, payload: Json) -> None:
    """Raise 429 where a run would be turned away for those that go on."""
    if await is_full(api, caller.project, definition, payload):
        most = definition.max_runs or 0
        what = f"at most {most} run{'s' if most > 1 else ''} of {shown(definition.name)}"
        said = f"{what} may go on at once"
        raise HTTPException(429, said, {"Retry-After": RETRY_AFTER_S})


def version_shown(version: str) -> int | str:
    """Return a version as clients read it."""
    return number_of(version) or version
