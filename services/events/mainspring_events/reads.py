"""Reading event triggers: a list, the counts, and the newest of a key."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.http.answers import as_uuid, json, uuid_page
from mainspring.http.caller import native_caller_of
from mainspring.http.contracts import events as wire
from mainspring.http.faults import Faults, shown
from mainspring.http.paging import PageQuery, cursor, next_page, page_query
from mainspring.http.query import query_of
from mainspring.ports import Page, TriggerDetail
from mainspring_events import present
from mainspring_events.context import Events

_FIRST_ID: Final = "00000000-0000-0000-0000-000000000000"


async def get_all(events: Events, request: Request) -> Response:
    """Return a page of the project's triggers, newest first."""
    caller, query = native_caller_of(request), query_of(request)
    page, status = _asked(query)
    run = query.get("workflow_run_id")
    is_nobody = run is not None and as_uuid(run) is None
    if is_nobody or query.get("source_type") == "job_run":
        return json(wire.Triggers((), has_more=False, next_cursor=None))
    found = await events.views.triggers(
        caller.project,
        status=(status,) if status else (),
        execution=run and as_uuid(run),
        limit=page.limit + 1,
        before=page.before,
    )
    rows, more = found[: page.limit], len(found) > page.limit
    after = cursor(rows[-1].row.requested_at, rows[-1].row.id) if more else None
    headers = next_page(request.url.path, query, after) if after else None
    data = tuple(map(present.trigger, rows))
    return json(wire.Triggers(data, has_more=more, next_cursor=after), headers=headers)


async def get_stats(events: Events, request: Request) -> Response:
    """Return how many triggers the project has."""
    found = await events.views.trigger_stats(native_caller_of(request).project)
    return json(present.stats(found.counts, found.waited))


async def get(events: Events, request: Request) -> Response:
    """Return the newest trigger with a key."""
    project = native_caller_of(request).project
    return json(present.trigger(await newest(events, project, key_in(request))))


async def newest(events: Events, project: str, key: str) -> TriggerDetail:
    """Return the newest trigger with a key; raise `NotFound`."""
    found = await events.views.trigger(project=project, key=key)
    if found is None:
        raise NotFound(f'no event trigger "{shown(key)}"')
    return found


def key_in(request: Request, name: str = "key") -> str:
    """Return the key, or the beginning of one, in the path; raise `DefinitionInvalid`."""
    key: str = request.path_params[name]
    if len(key.encode()) > wire.LONGEST_KEY:
        raise DefinitionInvalid([f"{name}: must be at most {wire.LONGEST_KEY} bytes long"])
    return key


def _asked(query: Mapping[str, str]) -> tuple[PageQuery, str | None]:
    """Return which page is asked for, and which status; raise with all faults."""
    faults = Faults()
    page = PageQuery(1, None)
    status, source = query.get("status"), query.get("source_type")
    for name, given, known in (
        ("status", status, get_args(wire.Status)),
        ("source_type", source, get_args(wire.SourceType)),
    ):
        if given is not None and given not in known:
            faults.unknown(name, name.replace("_", " "), given, known)
    try:
        page = _page(query)
    except DefinitionInvalid as refused:
        for fault in refused.faults:
            faults.add("", fault)
    faults.check()
    return page, status


def _page(query: Mapping[str, str]) -> PageQuery:
    """Return a page; the page of the original takes an instant as its cursor, and so does this."""
    instant = _instant(query.get("cursor", ""))
    if instant is None:
        return uuid_page(query)
    rest = {name: text for name, text in query.items() if name != "cursor"}
    return PageQuery(page_query(rest).limit, Page(instant, _FIRST_ID))


def _instant(text: str) -> float | None:
    try:
        found = msgspec.convert(text.replace(" ", "+"), datetime)
        return found.timestamp() if found.tzinfo is not None else None
    except (msgspec.ValidationError, OverflowError):
        return None
