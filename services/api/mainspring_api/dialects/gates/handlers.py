"""Reading gates' approvals, and deciding them in the name of who asks."""

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.definition import Approval as Gate
from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.message import Json
from mainspring.domain.rows import ApprovalRow
from mainspring.http.answers import as_uuid, encode, identity, json, listed, uuid_page
from mainspring.http.caller import Caller, caller_of
from mainspring.http.faults import Faults, shown
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.instants import shown as at
from mainspring.http.paging import cursor
from mainspring.http.query import query_of
from mainspring.http.reading import read_body
from mainspring.ports import ApprovalDetail
from mainspring_api.context import Api
from mainspring_api.dialects.executions.parts import named
from mainspring_api.dialects.gates import wire

_WORDS: Final[dict[str, wire.Status]] = {
    "pending": "PENDING",
    "approved": "APPROVED",
    "rejected": "REJECTED",
    "timed_out": "EXPIRED",
    "canceled": "CANCELLED",
}
_DECISIONS: Final[dict[str, Literal["approve", "reject"]]] = {
    "approved": "approve",
    "rejected": "reject",
}
_STATUSES: Final = {word: status for status, word in _WORDS.items()}


async def get(api: Api, request: Request) -> Response:
    """Return an approval."""
    found, _ = await _found(api, request)
    return json(await _shown(api, found))


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of approvals, newest first; of all namespaces, if nothing names one."""
    query = query_of(request)
    page, faults = uuid_page(query), Faults()
    statuses = _statuses(query, faults)
    execution = query.get("executionId")
    if execution is not None and as_uuid(execution) is None:
        faults.add("executionId", f'"{shown(execution)}" is no id')
    faults.check()
    project = named(request)
    if project is not None:
        caller_of(request, project=project)  # or it could be none
    rows = await api.views.approvals(
        project,
        status=statuses,
        execution=execution,
        limit=page.limit + 1,
        before=page.before,
    )
    after = None
    if len(rows) > page.limit:
        last = rows[page.limit - 1].row
        after = cursor(last.requested_at, last.id)
    return listed(request, [await _shown(api, row) for row in rows[: page.limit]], after)


async def approve(api: Api, request: Request) -> Response:
    """Agree; the same decision by the same person again changes nothing."""
    raw, body = await read_body(request, wire.Approving)

    def command(found: ApprovalDetail, caller: Caller, now: float) -> c.Request:
        return c.Approve(
            ref=found.row.ref,
            actor=caller.actor,
            comment=body.comment,
            approval=found.row.id,
            payload=body.inputs,
            now=now,
        )

    return await _decided(api, request, raw, command)


async def reject(api: Api, request: Request) -> Response:
    """Refuse: the gate fails."""
    raw, body = await read_body(request, wire.Rejecting)

    def command(found: ApprovalDetail, caller: Caller, now: float) -> c.Request:
        return c.Reject(
            ref=found.row.ref,
            actor=caller.actor,
            reason=body.reason or body.comment,
            approval=found.row.id,
            now=now,
        )

    return await _decided(api, request, raw, command)


async def _decided(api: Api, request: Request, raw: bytes, command: Any) -> Response:  # noqa: ANN401
    found, caller = await _found(api, request)

    async def effect(keep: Keep) -> Reply:
        asked = command(found, caller, api.engine.clock.now())
        kept = Reply(200, location=f"/api/v1/approvals/{found.row.id}")
        try:
            await api.engine.ask(
                found.row.execution, asked, project=found.row.project, meta=keep(kept)
            )
        except IllegalTransition as refused:
            now = await api.views.approval(project=found.row.project, id=found.row.id)
            word = _WORDS[now.row.status] if now is not None else refused.state
            raise IllegalTransition(refused.asked, word, f"it is {word}") from None
        return await again(None)

    async def again(_: object) -> Reply:
        now = await api.views.approval(project=found.row.project, id=found.row.id)
        return Reply(200, encode(await _shown(api, now or found)))

    return await api.once.answer(request, caller, raw, effect, again)


async def _found(api: Api, request: Request) -> tuple[ApprovalDetail, Caller]:
    id = identity(request.path_params["id"], "approval")
    project = named(request)
    if project is not None:
        caller_of(request, project=project)  # or it could be none
    found = await api.views.approval(project=project, id=id)
    if found is None:
        raise NotFound(f"no approval {id}")
    return found, caller_of(request, project=found.row.project)


def _statuses(query: Mapping[str, str], faults: Faults) -> tuple[str, ...]:
    words = {word.strip() for word in query.get("status", "").split(",")} - {""}
    for word in sorted(words - _STATUSES.keys()):
        hint = faults.hint(word, _STATUSES)
        faults.add("status", f'"{shown(word)}" is no status of an approval{hint}')
    return tuple(sorted(_STATUSES[word] for word in words if word in _STATUSES))


async def _shown(api: Api, found: ApprovalDetail) -> wire.Approval:
    row = found.row
    execution = await api.views.execution(row.execution, project=row.project)
    if execution is None:
        raise NotFound(f"no execution {row.execution}")
    definition = await api.engine.compiled(execution.row.definition)
    gate = definition.by_ref[row.ref].approval if row.ref in definition.by_ref else None
    ask: Json = found.ask
    asks = cast("dict[str, Json]", ask) if isinstance(ask, dict) else {}
    return wire.Approval(
        id=row.id,
        execution_id=row.execution,
        task_name=row.ref,
        namespace=row.project,
        status=_WORDS[row.status],
        message=asks.get("message", ask),
        approvers=row.approvers,
        required_approvals=gate.required if gate is not None else 1,
        decisions=await _decisions(api, row, gate),
        inputs_schema=gate.answer if gate is not None else None,
        created_at=at(row.requested_at),
        expires_at=at(row.expires_at),
        decided_at=at(row.decided_at),
        decided_by=row.decided_by,
        comment=row.reason,
    )


async def _decisions(api: Api, row: ApprovalRow, gate: Gate | None) -> tuple[wire.Verdict, ...]:
    """Return what was decided so far; where one is enough, the row says it."""
    if gate is None or gate.required == 1:
        decision = _DECISIONS.get(row.status)
        if decision is None or row.decided_by is None or row.decided_at is None:
            return ()
        made = wire.Verdict(
            actor=row.decided_by,
            decision=decision,
            comment=row.reason or "",
            at=at(row.decided_at),
        )
        return (made,)
    x = await api.engine.load(row.execution, project=row.project)
    state = x.of(row.ref) if x is not None else None
    if state is None or (state.visit, state.attempt) != (row.visit, row.attempt):
        return ()  # the step was reset since
    return tuple(
        wire.Verdict(
            actor=one.actor,
            decision=_DECISIONS[one.decision],
            comment=one.comment,
            at=at(one.at),
        )
        for one in state.decisions
    )
