"""Reading approvals: one, and those of a project, newest first."""

from collections.abc import Mapping
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.http.answers import as_uuid, identity, json, listed, uuid_page
from mainspring.http.bodies import together
from mainspring.http.caller import Caller, native_caller_of
from mainspring.http.faults import Faults, shown
from mainspring.http.paging import PageQuery, cursor
from mainspring.http.query import query_of
from mainspring.ports import ApprovalDetail
from mainspring_api.context import Api
from mainspring_api.dialects.native.approvals import present, wire

STATUSES = get_args(wire.ApprovalStatus)


async def get(api: Api, request: Request) -> Response:
    """Return an approval of the caller's project."""
    return json(present.approval(await approval_of(api, native_caller_of(request), request)))


async def approval_of(api: Api, caller: Caller, request: Request) -> ApprovalDetail:
    """Return the approval in the path; raise `NotFound`."""
    id = identity(request.path_params["id"], "approval")
    found = await api.views.approval(project=caller.project, id=id)
    if found is None:
        raise NotFound(f"no approval {id}")
    return found


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the project's approvals, newest first."""
    caller, query = native_caller_of(request), query_of(request)
    page, statuses, run = _asked(query)
    rows = await api.views.approvals(
        caller.project,
        status=statuses,
        execution=run,
        limit=page.limit + 1,
        before=page.before,
    )
    after = None
    if len(rows) > page.limit:
        last = rows[page.limit - 1].row
        after = cursor(last.requested_at, last.id)
    return listed(request, [present.approval(row) for row in rows[: page.limit]], after)


def _asked(query: Mapping[str, str]) -> tuple[PageQuery, tuple[str, ...], str | None]:
    """Return page, statuses and run that are asked for; raise with the faults of all."""
    found: list[Any] = together(
        lambda: uuid_page(query), lambda: _statuses(query), lambda: _run(query)
    )
    return cast("tuple[PageQuery, tuple[str, ...], str | None]", tuple(found))


def _statuses(query: Mapping[str, str]) -> tuple[str, ...]:
    faults = Faults()
    words = {word.strip() for word in query.get("status", "").split(",")} - {""}
    for word in sorted(words.difference(STATUSES)):
        hint = faults.hint(word, STATUSES)
        faults.add("status", f'"{shown(word)}" is no status of an approval{hint}')
    faults.check()
    return tuple(sorted(words))


def _run(query: Mapping[str, str]) -> str | None:
    given = query.get("workflow_run_id")
    run = None if given is None else as_uuid(given)
    if given is not None and run is None:
        raise DefinitionInvalid([f'workflow_run_id: "{shown(given)}" is no id'])
    return run
