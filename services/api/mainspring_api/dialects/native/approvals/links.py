"""Links under which an approval is decided from a letter: made here, shown and used here.

Who has a link decides in the name that it was made for, so making one is as good as deciding: it
is recorded who did it.  The token itself is recorded nowhere; a repeated request signs it again.
To look at a link decides nothing, whoever looks: letters are opened by machines before people.
"""

from typing import Final, NamedTuple
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import (
    DefinitionInvalid,
    Forbidden,
    IllegalTransition,
    MainspringError,
    NotFound,
    Transient,
    Unauthorized,
)
from mainspring.domain.execution import commands as c
from mainspring.domain.rows import ApprovalRow, IdempotencyRow
from mainspring.http.answers import encode
from mainspring.http.caller import Caller, native_caller_of
from mainspring.http.faults import Faults
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.instants import shown
from mainspring.http.problems import problem_of
from mainspring.http.reading import read, read_body
from mainspring.ports import ApprovalDetail
from mainspring.runtime.answered import record_answer
from mainspring.runtime.tokens import LinkClaim, sign_link, verify_link
from mainspring_api.context import Api
from mainspring_api.dialects.native.approvals import page, wire
from mainspring_api.dialects.native.approvals.reads import approval_of
from mainspring_api.dialects.native.runs.parts import asked

NOBODY: Final = "link"
"""Who has decided, where a link names nobody."""

FORM: Final = "application/x-www-form-urlencoded"


async def make(api: Api, request: Request) -> Response:
    """Make a link to a pending approval."""
    caller = native_caller_of(request)
    raw, body = await read_body(request, wire.NewLink)

    async def effect(keep: Keep) -> Reply:
        row = (await approval_of(api, caller, request)).row
        claim = _claim(api, row, body)
        reply = _made(api, claim)
        meta = keep(Reply(reply.status, encode(claim)))
        await record_answer(
            api.engine, "link to approval", changed=1, failed=0, project=caller.project, meta=meta
        )
        return reply

    async def again(row: IdempotencyRow) -> Reply:
        return _made(api, msgspec.json.decode(row.response, type=LinkClaim))

    return await api.once.answer(request, caller, raw, effect, again)


def _claim(api: Api, row: ApprovalRow, body: wire.NewLink) -> LinkClaim:
    """Return what the link allows; raise what forbids it."""
    now = api.engine.clock.now()
    status = _status(row, now)
    if status != "pending":
        raise IllegalTransition("link to the approval", status)
    approver = body.approver
    if row.approvers and approver is None:
        raise DefinitionInvalid(["approver: is missing: the approval names who may decide"])
    if row.approvers and approver not in row.approvers:
        raise Forbidden(f"{approver!r} is none of the approvers of step {row.ref}")
    ends = now + body.expires_in_secs
    return LinkClaim(row.id, approver or "", min(ends, row.expires_at or ends))


def _made(api: Api, claim: LinkClaim) -> Reply:
    if not api.config.callback_keys:
        raise Transient("links are not configured: there is no callback key", delay=60.0)
    token = sign_link(api.config.callback_keys, claim)
    url = f"{api.config.public_url.rstrip('/')}/v1/approvals/link/{token}"
    return Reply(201, encode(wire.Link(url=url, expires_at=shown(claim.expires_at))))


class Opened(NamedTuple):
    """A link that holds: what it leads to, and in whose name it decides."""

    found: ApprovalDetail
    actor: str
    workflow: str


async def show(api: Api, request: Request) -> Response:
    """Show what is asked, with two buttons; nothing is decided by looking."""
    try:
        opened = await _open(api, request)
    except MainspringError as error:
        return _refused(error)
    row = opened.found.row
    status = _status(row, api.engine.clock.now())
    if status != "pending":
        return page.closed(opened.workflow, row, status)
    return page.question(opened.workflow, opened.found, opened.actor)


async def decide(api: Api, request: Request) -> Response:
    """Take the decision of a form, in the name that the link was made for."""
    try:
        opened = await _open(api, request)
        row = opened.found.row
        how, said = _form(request, await request.body())
        id, now = row.id, api.engine.clock.now()
        command = (
            c.Approve(ref=row.ref, actor=opened.actor, comment=said, approval=id, now=now)
            if how == "approve"
            else c.Reject(ref=row.ref, actor=opened.actor, reason=said, approval=id, now=now)
        )
        state = request.state
        caller = Caller(row.project, opened.actor, state.request_id, state.traceparent)
        await asked(api, caller, row.execution, command, lambda _: caller.meta(), Reply(200))
    except MainspringError as error:
        return _refused(error)
    return page.thanks(opened.workflow, row, "approved" if how == "approve" else "rejected")


async def _open(api: Api, request: Request) -> Opened:
    """Return what a link leads to.  Raises `NotFound` for what is none, and `Expired`."""
    now = api.engine.clock.now()
    try:
        claim = verify_link(api.config.callback_keys, request.path_params["token"], now=now)
    except Unauthorized:
        raise NotFound("there is nothing under this link") from None
    found = await api.views.approval(project=None, id=claim.approval)
    run = found and await api.views.execution(found.row.execution)
    if found is None or run is None:
        raise NotFound("there is nothing under this link")
    return Opened(found, claim.approver or NOBODY, run.row.name)


def _form(request: Request, body: bytes) -> tuple[str, str]:
    """Return which button was pressed, and the comment; raise `DefinitionInvalid`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise DefinitionInvalid([f"the content type must be {FORM}"])
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=8)
    except (ValueError, UnicodeDecodeError):
        raise DefinitionInvalid(["the form cannot be read"]) from None
    how, text = (fields.get(name, [""])[-1] for name in ("decision", "comment"))
    faults = Faults()
    if how not in ("approve", "reject"):
        faults.add("decision", "must be approve or reject")
    said = read({"comment": text.replace("\r\n", "\n").strip()}, wire.Approve, faults)
    faults.check()
    return how, said.comment if said else ""


def _status(row: ApprovalRow, now: float) -> str:
    """Return what became of an approval; time passes before the scheduler has said so."""
    is_late = row.status == "pending" and row.expires_at is not None and now >= row.expires_at
    return "timed_out" if is_late else row.status


def _refused(error: MainspringError) -> Response:
    """Return a page that says why; what nobody has foreseen is not for a page."""
    problem = problem_of(error)
    if problem.status == 500:
        raise error
    return page.refusal(problem)
