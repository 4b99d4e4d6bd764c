"""Steering a run: cancel, pause, resume, and retry as a new run."""

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import IllegalTransition
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.kept import kept_of
from mainspring.domain.execution.state import Execution
from mainspring.domain.rows import IdempotencyRow
from mainspring.http.answers import encode
from mainspring.http.caller import Caller, native_caller_of
from mainspring.http.idempotency import Keep, Reply
from mainspring.runtime.engine import Start
from mainspring_api.context import Api
from mainspring_api.dialects.native.runs import present
from mainspring_api.dialects.native.runs.parts import asked, in_words, run_id, state_of

CANCELED = "canceled on request"


async def cancel(api: Api, request: Request) -> Response:
    """Stop a run, its child runs and what it waits for; asking twice is one wish."""
    caller, id = native_caller_of(request), run_id(request)

    async def effect(keep: Keep) -> Reply:
        reply = Reply(204)
        await asked(api, caller, id, c.RequestCancel(reason=CANCELED), keep, reply)
        return reply

    return await api.once.answer(request, caller, await request.body(), effect)


async def pause(api: Api, request: Request) -> Response:
    """Begin no further step; what is in flight finishes."""
    return await _changed(api, request, c.RequestPause(reason="paused on request"))


async def resume(api: Api, request: Request) -> Response:
    """Go on, with all that came while the run was paused."""
    return await _changed(api, request, c.RequestResume())


async def retry(api: Api, request: Request) -> Response:
    """Start a run that goes on where this one failed, with the results that it had."""
    caller, id = native_caller_of(request), run_id(request)

    async def effect(keep: Keep) -> Reply:
        return await start_again(api, caller, id, keep, new_id=api.engine.ids.uuid7())

    async def again(row: IdempotencyRow) -> Reply:
        new_id = row.location.rpartition("/")[2]
        return _created(await state_of(api, caller, new_id, as_of=row.at))

    return await api.once.answer(request, caller, await request.body(), effect, again)


async def start_again(api: Api, caller: Caller, id: str, keep: Keep, *, new_id: str) -> Reply:
    """Start the run that retries another; durable when it returns.

    Raises `NotFound`, `IllegalTransition` when the other has not failed, `AlreadyExists` when there
    is a run `new_id`, `StillRunning`.
    """
    x = await state_of(api, caller, id)
    if x.definition.planner != "dag":
        raise IllegalTransition("retry", x.status, "a saga is retried in place, by its own dialect")
    try:
        start = retrial(x, new_id)
    except IllegalTransition as refused:
        raise in_words(refused, x) from None
    reply = Reply(201, b"", _location(new_id))
    return _created(await api.engine.start(x.definition, start, keep(reply)))


def retrial(x: Execution, new_id: str) -> Start:
    """Return how a run is retried; raise `IllegalTransition` when it cannot be."""
    kept = kept_of(x)
    was = x.requested
    if was is None:
        raise IllegalTransition("retry", "absent")
    return Start(
        id=new_id,
        project=x.project,
        dialect=was.dialect,
        name=was.name,
        version=was.version,
        payload=was.payload,
        catalog_id=was.catalog_id,
        triggered_by="retry",
        tags=was.tags,
        retry_of=x.id,
        attempt=was.attempt + 1,
        kept=kept,
    )


def _created(x: Execution) -> Reply:
    return Reply(201, encode(present.state(x)), _location(x.id))


def _location(id: str) -> str:
    return f"/v1/workflow-runs/{id}"


async def _changed(api: Api, request: Request, command: c.Request) -> Response:
    caller, id = native_caller_of(request), run_id(request)

    async def effect(keep: Keep) -> Reply:
        x = await asked(api, caller, id, command, keep, Reply(200))
        return Reply(200, encode(present.state(x)))

    async def again(row: IdempotencyRow) -> Reply:
        # Not kept but folded again: the state after just that event.
        return Reply(200, encode(present.state(await state_of(api, caller, id, as_of=row.at))))

    return await api.once.answer(request, caller, await request.body(), effect, again)
