"""Revisions as they are stored: what they say and mean, and the triggers that their text declares.

A change is a new revision beside the old ones: what an execution began with it ends with.  Content
that is the same makes no revision, so that a deployment can be repeated; the triggers that its text
declares are put right all the same.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from mainspring.domain.errors import (
    AlreadyExists,
    DefinitionInvalid,
    IllegalTransition,
    NotFound,
    NotPresent,
    Rejected,
    VersionConflict,
)
from mainspring.domain.message import Json, replace
from mainspring.domain.rows import IdempotencyRow
from mainspring.http.answers import as_uuid, encode
from mainspring.http.caller import Caller
from mainspring.http.idempotency import Again, Keep, Reply
from mainspring.ports import Lineage
from mainspring.runtime import crash
from mainspring.runtime.engine import NewDefinition
from mainspring.runtime.starters import Starters
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions import compile as means
from mainspring_api.dialects.flows.definitions import present, wire
from mainspring_api.dialects.flows.definitions.compile import DIALECT, tasks_total
from mainspring_api.dialects.flows.definitions.found import Flow, of
from mainspring_api.dialects.flows.definitions.meaning import meaning
from mainspring_api.dialects.native.ids import version_id
from mainspring_api.dialects.versions import Kept, as_stored

PLACE: Final = "/api/v1/flows/"
TRIES: Final = 10


class Content(NamedTuple):
    """What a revision is to be: its text, and what is said of it."""

    text: str
    description: str | None = None
    comment: str | None = None


class Put(NamedTuple):
    """A change: the revision that it is made on, and whether it is stored if it changes nothing."""

    change: wire.FlowChange
    wanted: int | None = None
    force: bool = False


class _Form(NamedTuple):
    """A revision to store: what it says and means, and what it comes after."""

    id: str
    source: dict[str, Json]
    meant: means.Flow
    version: str = "1"
    began_at: float | None = None
    after: float = 0.0


async def make(api: Api, caller: Caller, name: str | None, content: Content, keep: Keep) -> Flow:
    """Store a new flow and return it; raise `AlreadyExists`, `DefinitionInvalid`."""
    meant = await meaning(api, content.text, name, caller.project)
    name = meant.definition.name
    if as_uuid(name) is not None:
        raise DefinitionInvalid(["name: must not be a UUID: it would be taken for an id"])
    line = await api.views.lineage(caller.project, DIALECT, name=name)
    if line is not None and line.newest is not None:
        raise _taken(name, caller)
    source = _source(content, meant)
    form = _Form(api.engine.ids.uuid7(), source, meant)
    if line is not None:
        form = form._replace(id=line.id, version=str(int(line.last) + 1), after=line.last_at)
    try:
        return await _store(api, caller, form, keep, 201)
    except AlreadyExists:
        raise _taken(name, caller) from None


def _taken(name: str, caller: Caller) -> AlreadyExists:
    return AlreadyExists(f"the name {name} is taken in the namespace {caller.project}")


def _source(content: Content, meant: means.Flow) -> dict[str, Json]:
    """Return what is stored of a revision: its text, and what lists show without reading it."""
    told = content.description or meant.form.description
    said: dict[str, Json] = {
        "description": told,
        "comment": content.comment,
        "labels": meant.labels,
        "disabled": meant.form.disabled,
        # Kept apart, so that a change of the text can change what it says of itself.
        "own": {"description": content.description} if content.description else None,
    }
    return {
        "yaml": content.text,
        "tasks": tasks_total(meant.definition),
        **{key: value for key, value in said.items() if value},
    }


def check_match(line: Lineage, wanted: int | None) -> None:
    """Raise `NotPresent` when a flow has another revision than the one that is asked for."""
    present_one = of(line).revision
    if wanted not in (None, present_one):
        raise NotPresent(f"the flow has the revision {present_one}, not {wanted}")


async def put(api: Api, caller: Caller, line: Lineage, put: Put, keep: Keep) -> Flow:
    """Return a flow as it is after a change, stored as a revision unless it is the same.

    Raises `VersionConflict` when others change it always again, `NotPresent` when it has not the
    revision that is wanted.
    """
    taken, name = 0, of(line).row.name
    for _ in range(TRIES):
        check_match(line, put.wanted)
        number = max(int(line.last), taken) + 1
        try:
            return await _put(api, caller, line, number, put, keep)
        except AlreadyExists:
            # Another change was first, and this one goes on top of it; or it is a version of the
            # same name in another dialect.
            taken = number
            line = await api.views.lineage(caller.project, DIALECT, name=name) or line
            if line.newest is None:
                raise NotFound(f"no flow {line.id}") from None
    raise VersionConflict("the flow is being changed by others")


async def _put(api: Api, caller: Caller, line: Lineage, number: int, put: Put, keep: Keep) -> Flow:
    newest, change = of(line), put.change
    name = newest.row.name
    if change.name not in (None, name):
        raise DefinitionInvalid(["name: cannot be changed"])
    text = newest.text if change.yaml_content is None else change.yaml_content
    told = newest.told if change.description is None else change.description
    meant = await meaning(api, text, name, caller.project)
    source = _source(Content(text, told, change.comment), meant)
    if not put.force and _said(source) == _said(newest.source):
        # Its triggers are put right: what stored the revision may have ended before that.
        await _sync(api, caller, line.id, meant)
        return newest
    form = _Form(line.id, source, meant, str(number), line.began_at, line.last_at)
    return await _store(api, caller, form, keep, 200)


def _said(source: Mapping[str, Json]) -> dict[str, Json]:
    """Return what a revision says; why it was made is no part of that."""
    return {key: value for key, value in source.items() if key != "comment"}


async def _store(api: Api, caller: Caller, form: _Form, keep: Keep, status: int) -> Flow:
    """Store a revision.  Of the answer only that is kept which the event does not say."""
    await _check_keys(api, caller, form)
    kept = Reply(status, encode(Kept(form.version, form.began_at)), PLACE + form.id)
    entry = NewDefinition(
        id=version_id(form.id, form.version),
        project=caller.project,
        name=form.meant.definition.name,
        version=form.version,
        dialect=DIALECT,
        source=form.source,
        compiled=replace(form.meant.definition, version=form.version),
        after=form.after,
    )
    row = await api.engine.store_definition(entry, keep(kept))
    # crash here: the revision is durable, its triggers are not; the same request mends it
    crash.here("flows.stored")
    await _sync(api, caller, form.id, form.meant)
    return Flow(form.id, form.began_at or row.created_at, row, form.source)


async def _check_keys(api: Api, caller: Caller, form: _Form) -> None:
    """Raise `IllegalTransition` for webhooks whose keys are somebody else's."""
    wanted = form.meant.triggers
    taken = await Starters(api.engine).taken(caller.project, form.id, wanted)
    if taken:
        places = ", ".join(f"triggers[{index}]" for index in taken)
        raise _key_taken(f"{places}: the key of the webhook is taken")


def _key_taken(what: str) -> IllegalTransition:
    # Not `AlreadyExists`: that one says here that another was first with a revision.
    return IllegalTransition("store the flow", "taken", what)


async def _sync(api: Api, caller: Caller, id: str, meant: means.Flow) -> None:
    """Make the flow's triggers be those of its text."""
    starters = Starters(api.engine)
    try:
        await starters.sync(caller.project, DIALECT, id, meant.triggers, caller.meta())
    except AlreadyExists as error:
        raise _key_taken(str(error)) from None


async def _put_right(api: Api, caller: Caller, id: str) -> None:
    """Make a flow's triggers be those of its newest text: who was first may have died before."""
    line = await api.views.lineage(caller.project, DIALECT, id=id)
    if line is None or line.newest is None:
        return
    newest = of(line)
    with suppress(Rejected):
        meant = await meaning(api, newest.text, newest.row.name, caller.project)
        await _sync(api, caller, id, meant)


def again(api: Api, caller: Caller) -> Again:
    """Return what answers again with a flow as it was stored."""

    async def answer(kept: IdempotencyRow) -> Reply:
        id = kept.location.removeprefix(PLACE)
        await _put_right(api, caller, id)
        what = msgspec.json.decode(kept.response, type=Kept)
        row, source = await as_stored(api, id, what.version)
        found = present.flow(Flow(id, what.began_at or row.created_at, row, source))
        return Reply(kept.status, encode(found), kept.location if kept.status == 201 else "")

    return answer
