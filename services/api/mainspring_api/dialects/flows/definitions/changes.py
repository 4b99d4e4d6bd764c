"""The requests that store flows, change them, and take them away."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid
from mainspring.http.answers import encode
from mainspring.http.faults import shown
from mainspring.http.idempotency import Keep, Reply
from mainspring.runtime import crash
from mainspring.runtime.starters import Starters
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions import parts, present, wire
from mainspring_api.dialects.flows.definitions.compile import DIALECT
from mainspring_api.dialects.flows.definitions.found import asked, of
from mainspring_api.dialects.flows.definitions.meaning import read
from mainspring_api.dialects.flows.definitions.stored import (
    PLACE,
    Content,
    Put,
    again,
    check_match,
    make,
    put,
)

MOST_AT_ONCE: Final = 1000


async def create(api: Api, request: Request) -> Response:
    """Store a new flow; a name that was deleted goes on counting its revisions."""
    raw, sent = await parts.object_sent(request)
    asked_for = parts.form_of(sent, wire.NewFlow)
    named = asked_for.namespace
    if named is None and parts.named_namespace(request) is None:
        named = (await read(asked_for.yaml_content)).name("namespace") or None
    caller = parts.caller_in(request, parts.named_namespace(request, named))
    content = Content(asked_for.yaml_content, asked_for.description, asked_for.comment)

    async def effect(keep: Keep) -> Reply:
        made = await make(api, caller, asked_for.name, content, keep)
        return Reply(201, encode(present.flow(made)), PLACE + made.id)

    return await api.once.answer(request, caller, raw, effect, again(api, caller))


async def change(api: Api, request: Request) -> Response:
    """Store a flow's next revision, unless it says what the present one says."""
    raw, sent = await parts.object_sent(request)
    asked_for = parts.form_of(sent, wire.FlowChange)
    caller, line = await asked(api, request, asked_for.namespace)
    put_form = Put(asked_for, wanted_in(request))

    async def effect(keep: Keep) -> Reply:
        changed = await put(api, caller, line, put_form, keep)
        return Reply(200, encode(present.flow(changed)))

    return await api.once.answer(request, caller, raw, effect, again(api, caller))


def wanted_in(request: Request) -> int | None:
    """Return the revision that `If-Match` asks for; raise `DefinitionInvalid`."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    text = given.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise DefinitionInvalid([f"If-Match: must be a revision, not {shown(given)}"])
    return int(text)


async def delete(api: Api, request: Request) -> Response:
    """Delete a flow in all its revisions; its executions go on, its triggers go."""
    caller, line = await asked(api, request)
    check_match(line, wanted_in(request))
    name = of(line).row.name
    # More than one round only if there are very many revisions, or one was stored meanwhile.
    while found := await api.views.versions(caller.project, DIALECT, name, limit=MOST_AT_ONCE):
        rows = [each.row for each in found]
        await api.engine.delete_definitions(rows, meta=caller.meta())
    # crash here: the flow is gone, its triggers are not; they start nothing then
    crash.here("flows.deleted")
    starters = Starters(api.engine)
    for one in await starters.all_of(caller.project, line.id):
        await starters.remove(one.row.id, caller.project, caller.meta())
    return Response(status_code=204)
