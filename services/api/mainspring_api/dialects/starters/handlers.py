"""Making triggers, changing them, listing them, and making up for what they missed."""

from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain import starters as s
from mainspring.domain.envelope import Meta, StreamId
from mainspring.domain.errors import Corrupt, DefinitionInvalid, IllegalTransition
from mainspring.domain.message import Json
from mainspring.domain.rows import IdempotencyRow
from mainspring.domain.upcast import event_in
from mainspring.http import bodies
from mainspring.http.answers import encode, json, listed, uuid_page
from mainspring.http.faults import Faults, shown
from mainspring.http.idempotency import Again, Keep, Reply
from mainspring.http.instants import shown as at
from mainspring.http.paging import cursor
from mainspring.http.query import query_of
from mainspring.http.reading import read
from mainspring.runtime.fires import Filled, Fires
from mainspring.runtime.starters import NewStarter, Starters, Workflow, workflow_of
from mainspring_api.context import Api
from mainspring_api.dialects.starters import present, wire
from mainspring_api.dialects.starters.found import caller_for, known, names_one
from mainspring_api.dialects.starters.reading import check_inputs, instant, inward, spec_of

PLACE: Final = "/api/v1/triggers/"
KINDS: Final = ("schedule", "webhook", "flow")


class _Asked(NamedTuple):
    """A request that changes something, as it was sent."""

    raw: bytes
    sent: dict[str, Json]

    @property
    def namespace(self) -> Json:
        return self.sent.get("namespace")


async def _asked(request: Request) -> _Asked:
    raw = await bodies.read_json(request)
    sent = bodies.value(raw)
    if not isinstance(sent, dict):
        raise DefinitionInvalid(["the body must be an object"])
    members = cast("dict[str, Json]", sent)
    return _Asked(raw, members)


async def create(api: Api, request: Request) -> Response:
    """Make a trigger."""
    asked = await _asked(request)
    caller = await caller_for(api, request, asked.sent.get("flowId"), asked.namespace)

    async def effect(keep: Keep) -> Reply:
        faults = Faults()
        sent = read(inward(asked.sent, faults), wire.NewTrigger, faults)
        spec = None if sent is None else spec_of(sent.type, sent.config, faults)
        found = await _workflow(api, caller.project, asked.sent.get("flowId"), faults)
        if found is not None and sent is not None:
            await check_inputs(api, found.newest, sent.inputs, faults)
        faults.check()
        assert sent is not None and spec is not None and found is not None  # noqa: PT018, S101
        id = api.engine.ids.uuid7()
        new = NewStarter(
            project=caller.project,
            dialect=found.newest.row.dialect,
            workflow=found.id,
            spec=spec,
            input=sent.inputs,
            enabled=sent.enabled,
            name=sent.name or "",
            id=id,
        )
        made = await Starters(api.engine).create(new, keep(Reply(201, location=PLACE + id)))
        return Reply(201, encode(present.trigger(made)), PLACE + id)

    return await api.once.answer(request, caller, asked.raw, effect, _again(api))


async def _workflow(api: Api, project: str, named: Json, faults: Faults) -> Workflow | None:
    if not isinstance(named, str) or not named or "\0" in named:
        return None  # it is told with what cannot be read
    found = await workflow_of(api.views, project, named)
    if found is None:
        faults.add("flowId", f'there is no flow "{shown(named)}" in this namespace')
    return found


def _again(api: Api) -> Again:
    """Return what answers again with a trigger as it was made."""

    async def again(kept: IdempotencyRow) -> Reply:
        stream = StreamId("starter", kept.location.removeprefix(PLACE))
        (first,) = await api.engine.log.read_all(after=0, limit=1, stream=stream)
        form = event_in(first)
        row = s.evolve(None, first, form) if isinstance(form, s.StarterSet) else None
        if row is None or not isinstance(form, s.StarterSet):
            raise Corrupt(f"stream {stream} begins with {first.type}")
        made = encode(present.trigger(s.Starter(row, form)))
        return Reply(kept.status, made, kept.location)

    return again


async def change(api: Api, request: Request) -> Response:
    """Change a trigger: what is left out stays."""
    asked = await _asked(request)
    before, caller = await known(api, request, asked.namespace)
    _check_origin(before)
    faults = Faults()
    sent = read(inward(asked.sent, faults), wire.ChangedTrigger, faults) or wire.ChangedTrigger()
    kind = sent.type or before.row.kind
    spec = _changed_spec(sent, kind, before, faults)
    named = asked.sent.get("flowId") or before.row.workflow
    found = await _workflow(api, caller.project, named, faults)
    inputs = before.form.input if sent.inputs is None else sent.inputs
    if found is not None:
        await check_inputs(api, found.newest, inputs, faults)
    faults.check()
    assert found is not None  # noqa: S101 - else there was a fault

    def wish(there: s.Starter) -> s.Wish:
        return s.Wish(
            dialect=found.newest.row.dialect,
            workflow=found.id,
            spec=spec or there.form.spec,
            input=inputs,
            enabled=there.row.enabled if sent.enabled is None else sent.enabled,
            name=there.form.name if sent.name is None else sent.name,
        )

    changed = await Starters(api.engine).change(before.row.id, caller.project, wish, caller.meta())
    return json(present.trigger(changed))


def _changed_spec(
    sent: wire.ChangedTrigger, kind: str, before: s.Starter, faults: Faults
) -> s.Spec | None:
    """Return what a trigger is told from now on; None when that stays."""
    if sent.config is not None:
        return spec_of(kind, sent.config, faults, before.form.spec)
    if kind != before.row.kind:
        faults.add("config", f"is missing: a {kind} is told other things than a {before.row.kind}")
    return None


async def get(api: Api, request: Request) -> Response:
    """Return a trigger."""
    found, _ = await known(api, request)
    return json(present.trigger(found))


async def get_all(api: Api, request: Request) -> Response:
    """Return triggers, newest first; of all namespaces, if nothing names one."""
    query = query_of(request)
    page = uuid_page(query)
    kind, enabled = _narrowed(query)
    named = query.get("flowId")
    caller = await caller_for(api, request, named)
    workflow = None if named is None else await workflow_of(api.views, caller.project, named)
    found = await api.views.starters(
        None if named is None and not names_one(request) else caller.project,
        kind=kind,
        # Of one that was deleted the triggers are still there, under its id.
        workflow=named if workflow is None else workflow.id,
        enabled=enabled,
        limit=page.limit + 1,
        before=page.before,
    )
    last = found[page.limit - 1].row if len(found) > page.limit else None
    after = None if last is None else cursor(last.created_at, last.id)
    return listed(request, [present.trigger(each) for each in found[: page.limit]], after)


def _narrowed(query: Mapping[str, str]) -> tuple[str | None, bool | None]:
    faults = Faults()
    kind, enabled = query.get("type"), query.get("enabled")
    if kind is not None and kind not in KINDS:
        faults.add("type", f"must be one of {', '.join(KINDS)}")
    if enabled not in (None, "true", "false"):
        faults.add("enabled", "must be true or false")
    faults.check()
    return kind, None if enabled is None else enabled == "true"


async def delete(api: Api, request: Request) -> Response:
    """Take a trigger away; what it has started goes on."""
    found, caller = await known(api, request)
    _check_origin(found)
    await Starters(api.engine).remove(found.row.id, caller.project, caller.meta())
    return Response(status_code=204)


async def pause(api: Api, request: Request) -> Response:
    """Let a trigger start nothing until it is resumed."""
    found, caller = await known(api, request)

    async def effect(keep: Keep) -> Reply:
        meta = keep(Reply(200, location=PLACE + found.row.id))
        after = await Starters(api.engine).pause(found.row.id, caller.project, meta)
        return Reply(200, encode(present.trigger(after)))

    return await api.once.answer(request, caller, await request.body(), effect, _now(api))


async def resume(api: Api, request: Request) -> Response:
    """Let a trigger go on; what it missed meanwhile is not made up for."""
    found, caller = await known(api, request)

    async def effect(keep: Keep) -> Reply:
        meta = keep(Reply(200, location=PLACE + found.row.id))
        after = await Starters(api.engine).resume(found.row.id, caller.project, meta)
        return Reply(200, encode(present.trigger(after)))

    return await api.once.answer(request, caller, await request.body(), effect, _now(api))


def _now(api: Api) -> Again:
    """Return what answers again with a trigger as it is."""

    async def again(kept: IdempotencyRow) -> Reply:
        found = await api.views.starter(kept.location.removeprefix(PLACE))
        return Reply(kept.status, encode(present.trigger(found)) if found is not None else b"")

    return again


async def backfill(api: Api, request: Request) -> Response:
    """Start the executions of a schedule's instants in a span that have none."""
    asked = await _asked(request)
    found, caller = await known(api, request, asked.namespace)
    if found.row.kind != "schedule":
        raise IllegalTransition("backfill", found.row.kind, f"it is a {found.row.kind}")

    async def effect(keep: Keep) -> Reply:
        faults = Faults()
        sent = read(asked.sent, wire.Backfill, faults)
        since = instant(sent.from_, "from", faults) if sent is not None else None
        until = instant(sent.to, "to", faults) if sent is not None else None
        if until is not None and until > api.engine.clock.now():
            faults.add("to", "lies in the future, where the schedule comes by itself")
        if since is not None and until is not None and since > until:
            faults.add("from", "comes after to")
        faults.check()
        assert sent is not None and since is not None and until is not None  # noqa: PT018, S101
        replies: list[Reply] = []

        def kept(filled: list[Filled]) -> Meta:
            replies.append(Reply(202, encode(_filled(found.row.id, filled))))
            return keep(replies[-1])

        await Fires(api.engine).backfill(found, since, until, sent.inputs, kept)
        return replies[-1]

    return await api.once.answer(request, caller, asked.raw, effect)


def _filled(trigger: str, filled: list[Filled]) -> wire.Filled:
    return wire.Filled(
        trigger_id=trigger,
        started=sum(each.is_new for each in filled),
        executions=tuple(
            wire.FilledInstant(
                execution_id=each.execution,
                scheduled_at=at(each.instant),
                status="QUEUED" if each.is_new else "EXISTS",
            )
            for each in filled
        ),
    )


def _check_origin(starter: s.Starter) -> None:
    if starter.row.origin == "definition":
        text = "it stands in the text of its flow: change the YAML"
        raise IllegalTransition("change the trigger", "declared by its flow", text)
