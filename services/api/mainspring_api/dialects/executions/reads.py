"""Reading executions: one with its steps and tasks, and lists of them, newest first."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.catalog import DefinitionStored
from mainspring.domain.durations import duration
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.rows import ExecutionRow
from mainspring.domain.upcast import event_in
from mainspring.http.answers import as_uuid, json
from mainspring.http.bodies import together
from mainspring.http.caller import caller_of
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import as_of
from mainspring.http.paging import PageQuery, cursor, next_page, page_query
from mainspring.http.query import flag_of, labels_of, query_of
from mainspring_api.context import Api
from mainspring_api.dialects.executions import present, wire
from mainspring_api.dialects.executions.parts import known, named, state_of
from mainspring_api.dialects.executions.words import FILTERS
from mainspring_api.dialects.starters.found import first_of, namespace_of

DEFAULT_LIMIT: Final = 20


async def get(api: Api, request: Request) -> Response:
    """Return an execution as it is, or as it was."""
    query = query_of(request)
    at = as_of(query["as_of"]) if "as_of" in query else None
    x = await state_of(api, await known(api, request), as_of=at)
    base = await api.engine.compiled(x.requested.definition) if x.requested else x.definition
    return json(present.detail(x, base, parse=flag_of(query, "parse")))


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of executions, newest first; of all namespaces, if nothing names one."""
    query = query_of(request)
    project = await _namespace(api, request, query)
    if project is not None:
        caller_of(request, project=project)  # or it could be none
    page, wanted = _wanted(query, api.engine.clock.now())
    name, is_there = await _name(api, project, query)
    rows: list[ExecutionRow] = []
    if is_there:
        rows = await api.views.executions(
            project,
            **wanted,
            name=name,
            text=query.get("q"),
            limit=page.limit + 1,
            before=page.before,
        )
    last = rows[page.limit - 1] if len(rows) > page.limit else None
    headers = next_page(request.url.path, query, cursor(last.created_at, last.id)) if last else None
    found = tuple(present.item(row) for row in rows[: page.limit])
    return json(wire.Items(found), headers=headers)


class Wanted(TypedDict):
    """What a list is narrowed to."""

    status: Sequence[str]
    tags: Sequence[tuple[str, str | None]]
    since: float | None
    until: float | None


def _wanted(query: Mapping[str, str], now: float) -> tuple[PageQuery, Wanted]:
    """Return what is asked for; raise `DefinitionInvalid` with all that is wrong with it."""
    page: list[PageQuery] = []
    wanted = Wanted(status=(), tags=(), since=None, until=None)

    def statuses() -> None:
        wanted["status"] = _statuses(query.get("status", ""))

    def labels() -> None:
        wanted["tags"] = labels_of(query)

    def until() -> None:
        wanted["until"] = _instant(query, "to")

    begun: list[float | None] = []
    together(
        lambda: page.append(_page(query)),
        statuses,
        labels,
        lambda: begun.append(_since(query, now)),
        lambda: begun.append(_instant(query, "from")),
        until,
    )
    wanted["since"] = max((at for at in begun if at is not None), default=None)
    return page[0], wanted


def _instant(query: Mapping[str, str], name: str) -> float | None:
    """Return the instant that a parameter names; one of whole milliseconds means all of it."""
    text = query.get(name)
    if text is None:
        return None
    at = _at(text)
    if at is None:
        raise DefinitionInvalid([f"{name}: must be an instant with its zone"])
    return math.floor(at * 1000) / 1000 if name == "from" else at


def _at(text: str) -> float | None:
    try:
        at = as_of(text)
    except DefinitionInvalid:
        return None
    return at if isinstance(at, float) else None


def _page(query: Mapping[str, str]) -> PageQuery:
    page = page_query(query, default=DEFAULT_LIMIT)
    if page.before is not None and as_uuid(page.before.id) is None:
        raise DefinitionInvalid(["cursor: is not one that a list of this service gave"])
    return page


def _statuses(text: str) -> tuple[str, ...]:
    faults = Faults()
    words = frozenset(filter(None, (part.strip() for part in text.split(","))))
    for word in sorted(words - FILTERS.keys()):
        hint = faults.hint(word, FILTERS)
        faults.add("status", f'"{shown(word)}" is no status of an execution{hint}')
    faults.check()
    return tuple(status for word in sorted(words) for status in FILTERS[word])


def _since(query: Mapping[str, str], now: float) -> float | None:
    """Return the instant from which on executions are wanted: `90m`, `7d`, or an instant."""
    text = query.get("since")
    if text is None:
        return None
    span = None if text.isdecimal() else duration(text)
    if span is not None:
        return now - span
    at = _at(text)
    if at is None:
        raise DefinitionInvalid(["since: must be a duration such as 90m or 7d, or an instant"])
    return at


async def _namespace(api: Api, request: Request, query: Mapping[str, str]) -> str | None:
    """Return the namespace that a request names, or else that of the flow whose id it names."""
    told = named(request)
    return told if told is not None else await namespace_of(api, query.get("flowId"))


async def _name(api: Api, project: str | None, query: Mapping[str, str]) -> tuple[str | None, bool]:
    """Return the name of the workflow that is asked for, and whether there can be any."""
    name, id = query.get("workflow"), query.get("flowId")
    if id is None:
        return name, True
    first = await first_of(api, id)
    form = event_in(first) if first is not None and first.project == project else None
    if not isinstance(form, DefinitionStored) or name not in (None, form.name):
        return None, False
    return form.name, True
