"""Approving and rejecting, in the name of who asks."""

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.state import Execution
from mainspring.http.answers import encode
from mainspring.http.faults import shown
from mainspring.http.idempotency import Reply
from mainspring.http.reading import read_body
from mainspring_api.context import Api
from mainspring_api.dialects.native.approvals import wire
from mainspring_api.dialects.native.runs.present import step_run
from mainspring_api.dialects.native.runs.steps import answered


async def approve(api: Api, request: Request) -> Response:
    """Let the run go on; the same decision by the same person again changes nothing."""
    raw, body = await read_body(request, wire.Approve)
    return await answered(
        api,
        request,
        raw,
        lambda ref, caller, now: c.Approve(
            ref=ref, actor=caller.actor, comment=body.comment, now=now
        ),
        _decided,
    )


async def reject(api: Api, request: Request) -> Response:
    """Fail the step; the same decision by the same person again changes nothing."""
    raw, body = await read_body(request, wire.Reject)
    return await answered(
        api,
        request,
        raw,
        lambda ref, caller, now: c.Reject(ref=ref, actor=caller.actor, reason=body.reason, now=now),
        _decided,
    )


def _decided(x: Execution, ref: str) -> Reply:
    step = x.definition.by_ref.get(ref)
    if step is None:
        raise NotFound(f'no step "{shown(ref)}"')
    return Reply(200, encode(wire.Decided(step_run(x, step))))
