"""Applying workflows, taking versions back, and taking workflows away.

A change is a new version beside the old ones: what a run began with it ends with.  The same content
makes no version, so a deployment can be repeated; it puts right what starts the workflow by itself.
"""

from contextlib import suppress
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import AlreadyExists, NotFound, Rejected, VersionConflict
from mainspring.domain.message import replace
from mainspring.domain.rows import IdempotencyRow
from mainspring.http.answers import encode
from mainspring.http.caller import Caller, caller_of
from mainspring.http.faults import shown
from mainspring.http.idempotency import Again, Keep, Reply
from mainspring.http.reading import read_body
from mainspring.ports import Lineage
from mainspring.runtime import crash
from mainspring.runtime.engine import NewDefinition
from mainspring_api.context import Api
from mainspring_api.dialects.native.ids import version_id
from mainspring_api.dialects.runs import answers
from mainspring_api.dialects.runs.compile import DIALECT, Workflow
from mainspring_api.dialects.runs.found import find, hash_of, lineage_of, of, there
from mainspring_api.dialects.runs.starts import sync
from mainspring_api.dialects.runs.texts import Reading, text_in

PLACE: Final = "/api/v1/workflows/"
TRIES: Final = 10
MOST_AT_ONCE: Final = 1000


class _Form(NamedTuple):
    """A text that is to hold, and what it means."""

    name: str
    text: str
    meant: Workflow


async def apply(api: Api, request: Request) -> Response:
    """Make a text the newest version of a workflow; 201 when it is a new one."""
    raw, text = await text_in(request)
    caller, name = caller_of(request), request.path_params["name"]

    async def effect(keep: Keep) -> Reply:
        meant = await Reading(text).compiled(api, caller.project, name)
        return await _applied(api, caller, _Form(name, text, meant), keep)

    return await api.once.answer(request, caller, raw, effect, _again(api, caller, name))


async def rollback(api: Api, request: Request) -> Response:
    """Make the content of an older version the newest one again."""
    raw, asked = await read_body(request, answers.Rollback)
    caller, name = caller_of(request), request.path_params["name"]

    async def effect(keep: Keep) -> Reply:
        newest = await find(api, caller.project, name)
        before = int(newest.row.version) - 1 if asked.version is None else asked.version
        if before < 1:
            raise NotFound(f"workflow {shown(name)} has no version before {newest.row.version}")
        text = (await find(api, caller.project, name, before)).text
        meant = await Reading(text).compiled(api, caller.project, name)
        return await _applied(api, caller, _Form(name, text, meant), keep)

    return await api.once.answer(request, caller, raw, effect, _again(api, caller, name))


def _again(api: Api, caller: Caller, name: str) -> Again:
    async def again(kept: IdempotencyRow) -> Reply:
        # Whoever was first may have died between the version and what starts it.
        line = await lineage_of(api, caller.project, name)
        if line is not None and line.newest is not None:
            with suppress(Rejected):
                meant = await Reading(of(line).text).compiled(api, caller.project, name)
                await sync(api, caller, line.id, meant.starts)
        return Reply(kept.status, kept.response.encode(), kept.location)

    return again


async def _applied(api: Api, caller: Caller, form: _Form, keep: Keep) -> Reply:
    taken = 0
    for _ in range(TRIES):
        line = await lineage_of(api, caller.project, form.name)
        if line is not None and line.newest is not None and of(line).text == form.text:
            return await _unchanged(api, caller, form, line)
        if line is None:
            await _check_name(api, caller.project, form.name)
        number = max(1 if line is None else int(line.last) + 1, taken + 1)
        try:
            return await _store(api, caller, form, number, line, keep)
        except AlreadyExists:
            # Another change was first, and this one goes on top of it.
            taken = number
    raise VersionConflict("the workflow is being changed by others")


async def _check_name(api: Api, project: str, name: str) -> None:
    """Raise `AlreadyExists` where a run by this name would be one of another dialect's."""
    other = await api.views.newest_definition(project=project, name=name)
    if other is not None and other.row.dialect != DIALECT:
        raise AlreadyExists(
            f"{shown(name)} is the name of a {other.row.dialect} definition already"
        )


async def _unchanged(api: Api, caller: Caller, form: _Form, line: Lineage) -> Reply:
    found = of(line)
    await sync(api, caller, line.id, form.meant.starts)
    return Reply(200, encode(_answer(form, int(found.row.version), changed=False)))


async def _store(
    api: Api, caller: Caller, form: _Form, number: int, line: Lineage | None, keep: Keep
) -> Reply:
    id = api.engine.ids.uuid7() if line is None else line.id
    is_new = line is None or line.newest is None
    place = PLACE + form.name if is_new else ""
    reply = Reply(201 if is_new else 200, encode(_answer(form, number, changed=True)), place)
    entry = NewDefinition(
        id=version_id(id, str(number)),
        project=caller.project,
        name=form.name,
        version=str(number),
        dialect=DIALECT,
        source={"yaml": form.text},
        compiled=replace(form.meant.definition, version=str(number)),
        after=0.0 if line is None else line.last_at,
    )
    await api.engine.store_definition(entry, keep(reply))
    # crash here: the version is durable, what starts it is as before; applying again puts it right
    crash.here("runs.stored")
    await sync(api, caller, id, form.meant.starts)
    return reply


def _answer(form: _Form, version: int, *, changed: bool) -> answers.Applied:
    return answers.Applied(
        name=form.name, version=version, changed=changed, content_hash=hash_of(form.text)
    )


async def delete(api: Api, request: Request) -> Response:
    """Delete a workflow in all its versions, and what starts it; its runs go on."""
    caller, name = caller_of(request), request.path_params["name"]
    line = await there(api, caller.project, name)
    # Who starts it goes first: nothing is to begin a workflow that is half gone.
    await sync(api, caller, line.id, ())
    # More than one round only if there are very many versions, or one was stored meanwhile.
    while found := await api.views.versions(caller.project, DIALECT, name, limit=MOST_AT_ONCE):
        rows = [each.row for each in found]
        await api.engine.delete_definitions(rows, meta=caller.meta())
    return Response(status_code=204)
