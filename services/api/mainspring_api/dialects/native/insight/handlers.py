"""Reading what a run tells of itself: history, graph, timeline, explanation."""

from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.domain.execution.explain import explain
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.state import Execution
from mainspring.domain.execution.timeline import timeline as lines_of
from mainspring.http.answers import json
from mainspring.http.bodies import together
from mainspring.http.caller import native_caller_of
from mainspring.http.faults import shown
from mainspring.http.instants import LONGEST_POSITION, as_of
from mainspring.http.instants import shown as instant
from mainspring.http.paging import page_query
from mainspring.http.query import query_of
from mainspring_api.context import Api
from mainspring_api.dialects.native.insight import graph as drawing
from mainspring_api.dialects.native.insight import present, wire
from mainspring_api.dialects.native.insight.accept import prefers
from mainspring_api.dialects.native.runs.parts import run_id, state_of

FORMATS: Final = ("json", "mermaid")
MERMAID: Final = "text/vnd.mermaid"


async def events(api: Api, request: Request) -> Response:
    """Return a page of a run's history, oldest first."""
    caller, id, query = native_caller_of(request), run_id(request), query_of(request)
    limit, after = together(
        lambda: page_query({key: query[key] for key in query if key != "cursor"}).limit,
        lambda: _after(query),
    )
    if await api.views.execution(id, project=caller.project) is None:
        raise NotFound(f"no workflow run {id}")
    found = await api.engine.log.read_all(
        after=after, limit=limit + 1, stream=StreamId("execution", id)
    )
    page = found[:limit]
    headers: dict[str, str] = {}
    if len(found) > limit:
        last = str(page[-1].position)
        there = request.url.include_query_params(after=last).remove_query_params("cursor")
        headers = {"Link": f'<{there.path}?{there.query}>; rel="next"', "X-Next-Cursor": last}
    return json([_event(envelope) for envelope in page], headers=headers)


def _after(query: Mapping[str, str]) -> int:
    """Return the position behind which to read: `after`, or the `cursor` that a page has given."""
    name = "after" if "after" in query else "cursor"
    text = query.get(name) or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_POSITION):
        raise DefinitionInvalid([f"{name}: must be a position of the log, is {shown(text)}"])
    return int(text)


def _event(envelope: Envelope) -> wire.HistoryEvent:
    return wire.HistoryEvent(
        position=envelope.position,
        version=envelope.version,
        id=envelope.id,
        type=envelope.type,
        schema_version=envelope.schema_version,
        recorded_at=instant(envelope.recorded_at),
        actor=envelope.meta.actor,
        request_id=envelope.meta.request_id,
        data=msgspec.Raw(envelope.body),
    )


async def graph(api: Api, request: Request) -> Response:
    """Return a run as a graph, as it is or was: as JSON, or as a drawing."""
    query = query_of(request)
    form = _form(request, query)
    drawn = drawing.graph(await _state(api, request, query))
    headers = {"Vary": "Accept"}
    if form == "mermaid":
        return Response(drawing.mermaid(drawn), 200, headers, MERMAID)
    return json(drawn, headers=headers)


def _form(request: Request, query: Mapping[str, str]) -> str:
    """Return the form that is asked for: by the query or, where that says none, by `Accept`."""
    form = query.get("format")
    if form is None:
        drawn = prefers(request.headers.get("accept", ""), MERMAID, to="application/json")
        return "mermaid" if drawn else "json"
    if form not in FORMATS:
        raise DefinitionInvalid([f'format: "{shown(form)}" is not one of {", ".join(FORMATS)}'])
    return form


async def timeline(api: Api, request: Request) -> Response:
    """Return every attempt of every step of a run."""
    x = await _state(api, request, {})
    stream = StreamId("execution", x.id)
    history = (await api.engine.log.read([stream]))[stream]
    told = [event_of(envelope) for envelope in history if envelope.version <= x.version]
    return json(present.timeline(x, lines_of(told)))


async def explanation(api: Api, request: Request) -> Response:
    """Return why a run is, or was, where it is."""
    x = await _state(api, request, query_of(request))
    return json(present.explanation(x, explain(x)))


async def _state(api: Api, request: Request, query: Mapping[str, str]) -> Execution:
    caller, id = native_caller_of(request), run_id(request)
    at = as_of(query["as_of"]) if "as_of" in query else None
    return await state_of(api, caller, id, as_of=at)
