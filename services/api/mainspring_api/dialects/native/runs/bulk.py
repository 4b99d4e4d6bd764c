"""Many runs at once: each is asked alone, and each has its own answer.

Runs are asked side by side, so their events share transactions, and no more than `SIDE_BY_SIDE` at
once.  One transaction for all, the rival, lets one run that cannot be canceled keep all others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import Meta
from mainspring.domain.errors import AlreadyExists, MainspringError, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.identity import derived
from mainspring.http.answers import as_uuid, encode
from mainspring.http.caller import Caller, native_caller_of
from mainspring.http.faults import shown
from mainspring.http.idempotency import Keep, Reply, key_of
from mainspring.http.reading import read_body
from mainspring.runtime.answered import record_answer
from mainspring_api.context import Api
from mainspring_api.dialects.native.runs import wire
from mainspring_api.dialects.native.runs.changes import CANCELED, start_again
from mainspring_api.dialects.native.runs.parts import asked

SIDE_BY_SIDE: Final = 64
T = TypeVar("T")


async def cancel(api: Api, request: Request) -> Response:
    """Cancel each of these runs that can be."""
    caller = native_caller_of(request)
    raw, body = await read_body(request, wire.RunIds)

    async def one(id: str) -> wire.Canceled:
        command = c.RequestCancel(reason=CANCELED)
        try:
            await asked(api, caller, _known(id), command, lambda _: caller.meta(), Reply(204))
        except MainspringError as error:
            return wire.Canceled(id, "failed", str(error))
        return wire.Canceled(id, "canceled")

    async def effect(keep: Keep) -> Reply:
        results = await _each(body.workflow_run_ids, one)
        done = sum(each.error is None for each in results)
        answer = wire.BulkCanceled(done, len(results) - done, tuple(results))
        reply = Reply(200, encode(answer))
        await _record(api, caller, "bulk cancel", answer.canceled, answer.failed, keep(reply))
        return reply

    return await api.once.answer(request, caller, raw, effect)


async def replay(api: Api, request: Request) -> Response:
    """Start each of these runs again where it failed."""
    caller = native_caller_of(request)
    raw, body = await read_body(request, wire.RunIds)
    new_id = _new_ids(api, request, caller)

    async def one(id: str) -> wire.Replayed:
        new = new_id(id)
        try:
            await start_again(api, caller, _known(id), lambda _: caller.meta(), new_id=new)
        except AlreadyExists:
            pass  # the same request, whose answer was lost, has started it
        except MainspringError as error:
            return wire.Replayed(id, "failed", error=str(error))
        return wire.Replayed(id, "replayed", new)

    async def effect(keep: Keep) -> Reply:
        results = await _each(body.workflow_run_ids, one)
        done = sum(each.error is None for each in results)
        answer = wire.BulkReplayed(done, len(results) - done, tuple(results))
        reply = Reply(200, encode(answer))
        await _record(api, caller, "bulk replay", answer.replayed, answer.failed, keep(reply))
        return reply

    return await api.once.answer(request, caller, raw, effect)


async def _record(
    api: Api, caller: Caller, action: str, changed: int, failed: int, meta: Meta
) -> None:
    project = caller.project
    await record_answer(
        api.engine, action, changed=changed, failed=failed, project=project, meta=meta
    )


async def _each(ids: Sequence[str], one: Callable[[str], Awaitable[T]]) -> list[T]:
    """Do something for each id once, in the order of the first mention."""
    places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def placed(id: str) -> T:
        async with places:
            return await one(id)

    return await asyncio.gather(*(placed(id) for id in dict.fromkeys(ids)))


def _known(id: str) -> str:
    known = as_uuid(id)
    if known is None:
        raise NotFound(f"no workflow run {shown(id)}")
    return known


def _new_ids(api: Api, request: Request, caller: Caller) -> Callable[[str], str]:
    """Return what names the new runs: by the idempotency key, if there is one.

    So a request that comes again after its answer was lost finds what it has started.
    """
    key = key_of(request)
    if key is None:
        return lambda _: api.engine.ids.uuid7()
    return lambda id: derived(_known(id), "replay", caller.actor, key) if as_uuid(id) else id
