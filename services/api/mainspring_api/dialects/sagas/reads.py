"""Reading runs: one, many, what their steps came to, and how one stood at an earlier time."""

from bisect import bisect_right
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.definition import Definition
from mainspring.domain.envelope import StreamId
from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.http.answers import json, listed, uuid_page
from mainspring.http.caller import caller_of
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import LONGEST_POSITION, as_of
from mainspring.http.paging import cursor, page_query
from mainspring.http.query import query_of
from mainspring.ports import Page
from mainspring_api.context import Api
from mainspring_api.dialects.sagas import history, present, wire
from mainspring_api.dialects.sagas.parts import saga_id, saga_of


async def get_saga(api: Api, request: Request) -> Response:
    """Return a run as it is, or as it was."""
    caller, id = caller_of(request), saga_id(request)
    asked = query_of(request).get("as_of")
    if asked is None:
        return json(present.saga(await saga_of(api, caller, id)))
    x = await api.engine.load(id, project=caller.project, as_of=as_of(asked))
    if x is None:
        raise NotFound(f"no saga {id}, or none yet at that time")
    return json(present.past_saga(x))


async def list_sagas(api: Api, request: Request) -> Response:
    """Return a page of the project's runs, newest first."""
    caller, query = caller_of(request), query_of(request)
    page = uuid_page(query)
    rows = await api.views.executions(
        caller.project,
        status=_statuses(query.get("status", "")),
        name=query.get("name"),
        limit=page.limit + 1,
        before=page.before,
    )
    shown_rows = rows[: page.limit]
    last = shown_rows[-1] if len(rows) > page.limit else None
    after = cursor(last.created_at, last.id) if last else None
    return listed(request, [present.summary(row) for row in shown_rows], after)


def _statuses(text: str) -> tuple[str, ...]:
    faults = Faults()
    found: list[str] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word in present.FILTERS:
            found.extend(present.FILTERS[word])
        else:
            hint = faults.hint(word.upper(), present.FILTERS)
            faults.add("status", f'"{shown(word)}" is no status of a saga{hint}')
    faults.check()
    return tuple(found)


async def get_steps(api: Api, request: Request) -> Response:
    """Return a page of what became of each step, in the order in which it became known."""
    told, definition = await _history(api, request)
    return _part(request, history.steps(told, definition))


async def get_calls(api: Api, request: Request) -> Response:
    """Return a page of the HTTP tries, in the order in which they ended."""
    told, _ = await _history(api, request)
    return _part(request, history.calls(told))


def _part(request: Request, rows: Sequence[wire.StepResult | wire.StepCall]) -> Response:
    """Return a page of rows that stand in the order of their ids and never change."""
    page = page_query(query_of(request))
    if page.before is not None:
        rows = rows[bisect_right(rows, _row_id(page.before), key=_id) :]
    shown_rows = rows[: page.limit]
    more = len(rows) > page.limit
    return listed(request, list(shown_rows), _row_cursor(shown_rows[-1]) if more else None)


def _id(row: wire.StepResult | wire.StepCall) -> int:
    return row.id


def _row_cursor(row: wire.StepResult | wire.StepCall) -> str:
    return cursor(0.0, str(row.id))


def _row_id(page: Page) -> int:
    text = page.id
    if page.at != 0 or not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_POSITION):
        raise DefinitionInvalid(["cursor: is not one that this list gave"])
    return int(text)


async def _history(api: Api, request: Request) -> tuple[list[history.Told], Definition]:
    caller, id = caller_of(request), saga_id(request)
    stream = StreamId("execution", id)
    envelopes = (await api.engine.log.read([stream]))[stream]
    if not envelopes or envelopes[0].project != caller.project:
        raise NotFound(f"no saga {id}")
    told = history.told(envelopes)
    return told, await api.engine.compiled(history.definition_of(told))
