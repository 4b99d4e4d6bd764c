"""Steering executions: cancel, pause, resume, and run again."""

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid, IllegalTransition
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.kept import RETRIED, kept_of
from mainspring.domain.execution.state import Execution
from mainspring.http.answers import encode
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.query import query_of
from mainspring.runtime.engine import Start
from mainspring_api.context import Api
from mainspring_api.dialects.executions import wire
from mainspring_api.dialects.executions.parts import Known, asked, known, stands, state_of
from mainspring_api.dialects.executions.present import tasks_total
from mainspring_api.dialects.executions.words import FlowWord

CANCELED: Final = "cancelled on request"
PLACE: Final = "/api/v1/executions/"


async def cancel(api: Api, request: Request) -> Response:
    """Stop an execution, what it does and what it waits for; asking twice is one wish."""
    return await _changed(api, request, c.RequestCancel(reason=CANCELED), lambda _: "CANCELLED")


async def pause(api: Api, request: Request) -> Response:
    """Begin no further task; what is in flight finishes."""
    return await _changed(api, request, c.RequestPause(reason="paused on request"), stands)


async def resume(api: Api, request: Request) -> Response:
    """Go on, with all that came while the execution was paused."""
    return await _changed(api, request, c.RequestResume(), stands)


async def _changed(
    api: Api, request: Request, command: c.Request, word: Callable[[Execution], FlowWord]
) -> Response:
    one = await known(api, request)

    async def effect(keep: Keep) -> Reply:
        # What is kept is what the wish comes to; how the run stands then is read from itself.
        kept = Reply(200, encode(wire.Canceled(one.id, _WISHED[type(command)])))
        x = await asked(api, one, command, keep, kept)
        return Reply(200, encode(wire.Canceled(one.id, word(x))))

    return await api.once.answer(request, one.caller, await request.body(), effect)


_WISHED: Final[dict[type[c.Request], FlowWord]] = {
    c.RequestCancel: "CANCELLED",
    c.RequestPause: "PAUSED",
    c.RequestResume: "RUNNING",
}


async def retry(api: Api, request: Request) -> Response:
    """Run a failed execution again, as a new one: whole, or from where it failed."""
    one = await known(api, request)
    query = query_of(request)
    from_failed = query.get("fromFailed", "false")
    if from_failed not in ("true", "false"):
        raise DefinitionInvalid(["fromFailed: must be true or false"])

    async def effect(keep: Keep) -> Reply:
        return await _again(api, one, keep, whole=from_failed == "false")

    return await api.once.answer(request, one.caller, await request.body(), effect)


async def _again(api: Api, one: Known, keep: Keep, *, whole: bool) -> Reply:
    x = await state_of(api, one)
    was = x.requested
    if was is None or x.status not in RETRIED:
        word = stands(x)
        raise IllegalTransition("retry", word, f"it is {word}, and has not failed")
    if x.definition.planner != "dag" and not whole:
        raise IllegalTransition("retry", stands(x), "a saga goes on in its own dialect")
    base = await api.engine.compiled(was.definition)
    start = Start(
        id=api.engine.ids.uuid7(),
        project=x.project,
        dialect=was.dialect,
        name=was.name,
        version=was.version,
        payload=was.payload,
        catalog_id=was.catalog_id,
        triggered_by="rerun" if whole else "retry",
        tags=was.tags,
        retry_of=x.id,
        attempt=was.attempt + 1,
        kept={} if whole else kept_of(x),
    )
    begun = wire.Begun(start.id, "QUEUED", tasks_total(base))
    reply = Reply(202, encode(begun), PLACE + start.id)
    await api.engine.start(base, start, keep(reply))
    return reply
