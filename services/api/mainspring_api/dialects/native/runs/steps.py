"""Steering single steps: skip, complete or fail by hand, retry, and run a subtree again."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.requests import descendants
from mainspring.domain.execution.state import Execution
from mainspring.domain.rows import IdempotencyRow
from mainspring.http.answers import encode
from mainspring.http.caller import Caller, native_caller_of
from mainspring.http.faults import shown
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.reading import read_body
from mainspring_api.context import Api
from mainspring_api.dialects.native.runs import present, wire
from mainspring_api.dialects.native.runs.parts import asked, run_id, state_of


async def skip(api: Api, request: Request) -> Response:
    """Go on as if the step were done, without its result."""
    raw, body = await read_body(request, wire.Why)
    return await _forced(
        api,
        request,
        raw,
        lambda ref, caller, now: c.SkipStep(
            ref=ref, reason=body.reason, actor=caller.actor, now=now
        ),
    )


async def complete(api: Api, request: Request) -> Response:
    """Complete a step by hand, with a result."""
    raw, body = await read_body(request, wire.Completion)
    return await _forced(
        api,
        request,
        raw,
        lambda ref, caller, now: c.CompleteStep(
            ref=ref, result=body.result, actor=caller.actor, now=now
        ),
    )


async def fail(api: Api, request: Request) -> Response:
    """Fail a step by hand; what follows is up to its `on_failure`."""
    raw, body = await read_body(request, wire.Why)
    return await _forced(
        api,
        request,
        raw,
        lambda ref, caller, now: c.FailStep(
            ref=ref, reason=body.reason, actor=caller.actor, now=now
        ),
    )


async def retry(api: Api, request: Request) -> Response:
    """Run one step again, in place; an ended run goes on with it."""
    return await _forced(
        api,
        request,
        await request.body(),
        lambda ref, _caller, _now: c.RequestStepReset(ref=ref),
    )


async def replay(api: Api, request: Request) -> Response:
    """Run a step and all that comes after it again."""
    return await answered(
        api,
        request,
        await request.body(),
        lambda ref, _caller, _now: c.RequestStepReset(ref=ref, subtree=True),
        _reset,
    )


MakeCommand = Callable[[str, Caller, float], c.Request]
Show = Callable[[Execution, str], Reply]


async def answered(
    api: Api, request: Request, raw: bytes, make: MakeCommand, show: Show
) -> Response:
    """Ask something about the step in the path, and answer with what `show` makes of the state."""
    caller, id, ref = native_caller_of(request), run_id(request), request.path_params["ref"]

    async def effect(keep: Keep) -> Reply:
        command = make(ref, caller, api.engine.clock.now())
        return show(await asked(api, caller, id, command, keep, Reply(200)), ref)

    async def again(row: IdempotencyRow) -> Reply:
        return show(await state_of(api, caller, id, as_of=row.at), ref)

    return await api.once.answer(request, caller, raw, effect, again)


def changed(x: Execution, ref: str) -> Reply:
    """Return a step after it was changed."""
    step = x.definition.by_ref.get(ref)
    if step is None:
        raise NotFound(f'no step "{shown(ref)}"')
    return Reply(200, encode(wire.StepChanged(present.step_run(x, step))))


async def _forced(api: Api, request: Request, raw: bytes, make: MakeCommand) -> Response:
    return await answered(api, request, raw, make, changed)


def _reset(x: Execution, ref: str) -> Reply:
    begun = [each for each in (ref, *descendants(x, ref)) if x.of(each) is not None]
    return Reply(200, encode(wire.SubtreeReset(len(begun))))
