"""The revisions of a flow: listed, compared, and restored, which makes a new one."""

from collections.abc import Sequence
from difflib import unified_diff

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import StreamId
from mainspring.http.answers import encode, json, listed, uuid_page
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.paging import cursor
from mainspring.http.query import query_of
from mainspring.http.reading import read_body
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions import found, present, stored, wire
from mainspring_api.dialects.flows.definitions.compile import DIALECT
from mainspring_api.dialects.flows.definitions.found import Flow, asked, of


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of a flow's revisions, newest first."""
    page = uuid_page(query_of(request))
    caller, line = await asked(api, request)
    rows = await api.views.versions(
        caller.project, DIALECT, of(line).row.name, limit=page.limit + 1, before=page.before
    )
    last = rows[page.limit - 1].row if len(rows) > page.limit else None
    after = cursor(last.created_at, last.id) if last else None
    shown = await _shown(api, [of(line, each) for each in rows[: page.limit]])
    return listed(request, shown, after)


async def get(api: Api, request: Request) -> Response:
    """Return one revision of a flow."""
    line = (await asked(api, request)).line
    one = await found.revision(api, line, request.path_params["rev"])
    return json((await _shown(api, [one]))[0])


async def _shown(api: Api, revisions: Sequence[Flow]) -> list[wire.FlowRevision]:
    """Return revisions with their authors, who stand in the events that made them."""
    streams = {StreamId("definition", each.row.id): each for each in revisions}
    histories = await api.engine.log.read(list(streams)) if streams else {}
    return [
        present.revision(each, history[0].meta.actor if (history := histories[stream]) else "")
        for stream, each in streams.items()
    ]


async def diff(api: Api, request: Request) -> Response:
    """Return what is another way in a revision than in the one before it, or in `from`."""
    query = query_of(request)
    line = (await asked(api, request)).line
    later = await found.revision(api, line, request.path_params["rev"])
    named = query.get("from", "")
    earlier = await found.revision(api, line, named) if named else None
    if earlier is None and later.revision > 1:
        earlier = await found.revision(api, line, str(later.revision - 1))
    before = earlier.revision if earlier is not None else 0
    text = _unified(
        "" if earlier is None else earlier.text, later.text, str(before), str(later.revision)
    )
    return json(wire.FlowDiff(from_=before, to=later.revision, diff=text))


def _unified(before: str, after: str, name: str, other: str) -> str:
    lines = unified_diff(
        before.splitlines(),
        after.splitlines(),
        f"revision {name}",
        f"revision {other}",
        lineterm="",
    )
    return "".join(f"{line}\n" for line in lines)


async def restore(api: Api, request: Request) -> Response:
    """Store a new revision that is what an earlier one was."""
    raw, sent = await read_body(request, wire.Restoring)
    caller, line = await asked(api, request)
    old = await found.revision(api, line, request.path_params["rev"])
    change = stored.Put(
        wire.FlowChange(
            yaml_content=old.text,
            description=old.told or "",
            comment=sent.comment or f"restored from {old.revision}",
        ),
        force=True,
    )

    async def effect(keep: Keep) -> Reply:
        made = await stored.put(api, caller, line, change, keep)
        return Reply(200, encode(present.flow(made)))

    return await api.once.answer(request, caller, raw, effect, stored.again(api, caller))
