"""Carrying flows from one place to another: a document with no secret in it."""

from typing import Final, Literal, cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.envelope import StreamId
from mainspring.domain.errors import AlreadyExists, DefinitionInvalid
from mainspring.domain.identity import derived
from mainspring.domain.message import Json
from mainspring.domain.rows import IdempotencyRow
from mainspring.http import bodies
from mainspring.http.answers import encode, json
from mainspring.http.caller import Caller
from mainspring.http.faults import Faults
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.instants import shown
from mainspring.http.query import query_of
from mainspring.http.reading import read
from mainspring.runtime import crash
from mainspring.runtime.starters import NewStarter, Starters, Wanted
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions import parts, present, stored, texts, wire
from mainspring_api.dialects.flows.definitions.compile import DIALECT
from mainspring_api.dialects.flows.definitions.found import Flow, asked
from mainspring_api.dialects.flows.definitions.stored import PLACE, Content
from mainspring_api.dialects.flows.definitions.triggers import told, triggers_of

OnConflict = Literal["fail", "rename", "overwrite"]
KINDS: Final = ("mainspring.flow", "excalibase.flow")
MOST_NAMES: Final = 100


async def export(api: Api, request: Request) -> Response:
    """Return a flow as a document."""
    flow = (await asked(api, request)).flow
    text, redacted = texts.without_secrets(flow.text)
    added = await _added(api, flow)
    document = wire.FlowDocument(
        exported_at=shown(api.engine.clock.now()),
        revision=flow.revision,
        flow=wire.FlowContent(
            name=flow.row.name,
            namespace=flow.row.project,
            yaml_content=text,
            description=flow.told,
        ),
        triggers=added,
        credentials=texts.credentials_in(flow.text),
        redacted=redacted,
    )
    named = f'attachment; filename="{flow.row.name}.json"'
    return json(document, headers={"Content-Disposition": named})


async def _added(api: Api, flow: Flow) -> tuple[wire.FlowTrigger, ...]:
    """Return the triggers that do not stand in the flow's text."""
    starters = await Starters(api.engine).all_of(flow.row.project, flow.id)
    return tuple(
        wire.FlowTrigger(
            type=one.row.kind,
            name=one.row.name,
            config=told(one.form.spec),
            enabled=one.row.enabled,
            inputs=one.form.input or {},
        )
        for one in reversed(starters)
        if one.row.origin != "definition"
    )


async def take(api: Api, request: Request) -> Response:
    """Store a flow from a document, or as the api answers with it; 201 when it is new."""
    raw = await bodies.read_json(request)
    on_conflict = _on_conflict(query_of(request))
    incoming, triggers = _incoming(parts.object_in(raw))
    named = parts.named_namespace(request)
    caller = parts.caller_in(request, incoming.namespace if named is None else named)

    async def effect(keep: Keep) -> Reply:
        made, reply = await _stored(api, caller, incoming, on_conflict, keep)
        # crash here: the flow is there, its triggers are not; importing once more adds them
        crash.here("flows.imported")
        for index, one in enumerate(triggers):
            await _add(api, caller, made.id, index, one)
        return reply

    async def again(kept: IdempotencyRow) -> Reply:
        reply = await stored.again(api, caller)(kept)
        id = kept.location.removeprefix(PLACE)
        line = await api.views.lineage(caller.project, DIALECT, id=id)
        is_there = line is not None and line.newest is not None
        for index, one in enumerate(triggers if is_there else ()):
            # Who was first may have died before; what was removed since does not come back.
            if not await _ever_was(api, _name(id, index)):
                await _add(api, caller, id, index, one)
        return reply

    return await api.once.answer(request, caller, raw, effect, again)


def _on_conflict(query: dict[str, str]) -> OnConflict:
    given = query.get("onConflict", "fail")
    if given not in get_args(OnConflict):
        raise DefinitionInvalid(["onConflict: is not one of fail, rename, overwrite"])
    return cast("OnConflict", given)


def _name(flow: str, index: int) -> str:
    """Return the id of a trigger of a document: the same document adds it once."""
    return derived(flow, "imported", index)


async def _ever_was(api: Api, starter: str) -> bool:
    stream = StreamId("starter", starter)
    return bool(await api.engine.log.read_all(after=0, limit=1, stream=stream))


async def _add(api: Api, caller: Caller, flow: str, index: int, one: Wanted) -> None:
    """Add a trigger of a document to its flow."""
    new = NewStarter(
        project=caller.project,
        dialect=DIALECT,
        workflow=flow,
        spec=one.spec,
        input=one.input,
        enabled=one.enabled,
        name=one.name,
        id=_name(flow, index),
    )
    await Starters(api.engine).create(new, caller.meta())


def _incoming(sent: dict[str, Json]) -> tuple[wire.IncomingFlow, tuple[Wanted, ...]]:
    faults = Faults()
    is_document = "flow" in sent
    whole = read(sent, wire.Incoming, faults) if is_document else None
    if whole is not None and whole.kind not in KINDS:
        faults.add("kind", f"is not {KINDS[0]}")
    if whole is not None and whole.version != 1:
        faults.add("version", "is not 1: this document is of a newer kind")
    inner = sent["flow"] if is_document else sent
    flow = read(inner, wire.IncomingFlow, faults, "flow" if is_document else "")
    triggers = whole.triggers if whole is not None else None
    wanted = triggers_of(triggers, None, faults)
    faults.check()
    assert flow is not None, "what has no fault can be read"  # noqa: S101
    return flow, wanted


async def _stored(
    api: Api, caller: Caller, incoming: wire.IncomingFlow, on_conflict: OnConflict, keep: Keep
) -> tuple[Flow, Reply]:
    line = await api.views.lineage(caller.project, DIALECT, name=incoming.name)
    name = incoming.name
    if line is not None and line.newest is not None:
        if on_conflict == "overwrite":
            change = wire.FlowChange(
                yaml_content=_text(incoming, name, caller), description=incoming.description
            )
            changed = await stored.put(api, caller, line, stored.Put(change), keep)
            return changed, Reply(200, encode(present.flow(changed)))
        if on_conflict == "rename":
            name = await _free(api, caller, name)
    content = Content(_text(incoming, name, caller), incoming.description, "imported")
    made = await stored.make(api, caller, name, content, keep)
    return made, Reply(201, encode(present.flow(made)), PLACE + made.id)


def _text(incoming: wire.IncomingFlow, name: str, caller: Caller) -> str:
    """Return the text as it is to be called here."""
    names = {"name": name} if name != incoming.name else {}
    if incoming.namespace not in (None, caller.project):
        names["namespace"] = caller.project
    return texts.renamed(incoming.yaml_content, names) if names else incoming.yaml_content


async def _free(api: Api, caller: Caller, name: str) -> str:
    for number in range(2, MOST_NAMES):
        other = f"{name[:240]}-{number}"
        line = await api.views.lineage(caller.project, DIALECT, name=other)
        if line is None or line.newest is None:
            return other
    raise AlreadyExists(f"the names {name}-2 to {name}-{MOST_NAMES - 1} are taken as well")
