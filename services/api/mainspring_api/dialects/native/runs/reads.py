"""Reading runs: one, many, and their steps, as they are and as they were."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.domain.rows import ExecutionRow
from mainspring.http.answers import as_uuid, json, listed, uuid_page
from mainspring.http.caller import native_caller_of
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import as_of
from mainspring.http.paging import cursor, page_query
from mainspring.http.query import query_of
from mainspring.ports import Page
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
    (shown_run,) = await _shown(api, [found.row], {id: found.payload})
    return json(present.detail(shown_run, found.output))


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the project's runs, newest first."""
    caller, query = native_caller_of(request), query_of(request)
    page, words, tag = uuid_page(query), _words(query.get("status", "")), _tag(query)
    name = await _name(api, caller.project, query)
    found: list[tuple[ExecutionRow, wire.Run]] = []
    before, more = page.before, name is not NOBODY
    while more and len(found) <= page.limit:
        rows = await api.views.executions(
            caller.project,
            status=tuple({status for word in words for status in FILTERS[word]}),
            name=name,
            tag=tag,
            limit=page.limit + 1,
            before=before,
        )
        payloads = await api.views.payloads([row.id for row in rows])
        pairs = zip(rows, await _shown(api, rows, payloads), strict=True)
        # Whether a failed run was compensated does not stand in its row.
        found += [(row, run) for row, run in pairs if not words or run.status in words]
        more = len(rows) > page.limit
        before = Page(rows[-1].created_at, rows[-1].id) if rows else None
    last = found[page.limit - 1][0] if len(found) > page.limit else None
    after = cursor(last.created_at, last.id) if last else None
    return listed(request, [run for _, run in found[: page.limit]], after)


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


async def _shown(
    api: Api, rows: Sequence[ExecutionRow], payloads: Mapping[str, object]
) -> list[wire.Run]:
    found: list[wire.Run] = []
    for row in rows:
        definition = await api.engine.compiled(row.definition)
        undone = False
        if row.status == "failed" and any(step.compensation for step in definition.steps):
            undone = await _undone(api, row.id)
        found.append(present.run(row, definition, payloads.get(row.id), undone=undone))
    return found


async def _undone(api: Api, id: str) -> bool:
    found = await api.views.steps(id)
    return any(each.row.phase == "down" and each.row.status == "succeeded" for each in found)


def _words(text: str) -> frozenset[str]:
    faults = Faults()
    words = frozenset(filter(None, (part.strip() for part in text.split(","))))
    for word in sorted(words - FILTERS.keys()):
        hint = faults.hint(word, FILTERS)
        faults.add("status", f'"{shown(word)}" is no status of a workflow run{hint}')
    faults.check()
    return words


def _tag(query: Mapping[str, str]) -> tuple[str, str | None] | None:
    key, value = query.get("tag_key"), query.get("tag_value")
    if key is None and value is not None:
        raise DefinitionInvalid(["tag_value: needs a tag_key"])
    return None if key is None else (key, value)


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
