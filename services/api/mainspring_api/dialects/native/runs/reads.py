"""Reading runs: one, many, and their steps, as they are and as they were."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.domain.message import Json
from mainspring.domain.rows import ExecutionRow
from mainspring.http.answers import as_uuid, json, listed, uuid_page
from mainspring.http.caller import native_caller_of
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import as_of
from mainspring.http.paging import cursor, page_query
from mainspring.http.query import query_of, tag_of
from mainspring_api.context import Api
from mainspring_api.dialects.native.runs import present, wire
from mainspring_api.dialects.native.runs.parts import run_id, state_of
from mainspring_api.dialects.native.runs.words import FILTERS

NOBODY: Final = ""
"""The name of no workflow."""


async def get(api: Api, request: Request) -> Response:
    """Return a run as it is, or as it was."""
    caller, id, query = native_caller_of(request), run_id(request), query_of(request)
    if "as_of" in query:
        x = await state_of(api, caller, id, as_of=as_of(query["as_of"]))
        return json(present.state(x))
    found = await api.views.execution(id, project=caller.project)
    if found is None:
        raise NotFound(f"no workflow run {id}")
    shown_run = await _run(api, found.row, found.payload)
    return json(present.detail(shown_run, found.output))


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the project's runs, newest first."""
    caller, query = native_caller_of(request), query_of(request)
    page, statuses, tag = uuid_page(query), _statuses(query.get("status", "")), tag_of(query)
    name = await _name(api, caller.project, query)
    rows: list[ExecutionRow] = []
    if name is not NOBODY:
        rows = await api.views.executions(
            caller.project,
            status=statuses,
            name=name,
            tags=() if tag is None else (tag,),
            limit=page.limit + 1,
            before=page.before,
        )
    last = rows[page.limit - 1] if len(rows) > page.limit else None
    after = cursor(last.created_at, last.id) if last else None
    return listed(request, await _shown(api, rows[: page.limit]), after)


async def get_steps(api: Api, request: Request) -> Response:
    """Return a page of a run's steps, in the order of its definition."""
    caller, id, query = native_caller_of(request), run_id(request), query_of(request)
    page = page_query(query)
    at = as_of(query["as_of"]) if "as_of" in query else None
    x = await state_of(api, caller, id, as_of=at)
    found = present.steps(x)
    if page.before is not None and page.before.id not in x.definition.by_ref:
        raise DefinitionInvalid(["cursor: is not one that a list of this service gave"])
    rows = present.page(found, after=page.before and page.before.id, limit=page.limit + 1)
    after = cursor(0.0, rows[page.limit - 1].step_ref) if len(rows) > page.limit else None
    return listed(request, rows[: page.limit], after)


async def _shown(api: Api, rows: Sequence[ExecutionRow]) -> list[wire.Run]:
    payloads = await api.views.payloads([row.id for row in rows])
    return [await _run(api, row, payloads.get(row.id)) for row in rows]


async def _run(api: Api, row: ExecutionRow, payload: Json) -> wire.Run:
    return present.run(row, await api.engine.compiled(row.definition), payload)


def _statuses(text: str) -> tuple[str, ...]:
    faults = Faults()
    words = frozenset(filter(None, (part.strip() for part in text.split(","))))
    for word in sorted(words - FILTERS.keys()):
        hint = faults.hint(word, FILTERS)
        faults.add("status", f'"{shown(word)}" is no status of a workflow run{hint}')
    faults.check()
    return tuple(status for word in sorted(words) for status in FILTERS[word])


async def _name(api: Api, project: str, query: Mapping[str, str]) -> str | None:
    """Return the name of the workflow that is asked for; `NOBODY` if there is none."""
    given = query.get("workflow_id")
    if given is None:
        return None
    id = as_uuid(given)
    if id is None:
        return given
    found = await api.views.definition(project=project, id=id)
    return NOBODY if found is None else found.row.name
