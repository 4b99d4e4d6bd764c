"""Finding a trigger, and the namespace of the flow that a new one is for.

The page names no namespace in a trigger's path, though its flow was made in one.  So where the
request names none an id is looked for everywhere, and else in the named one alone, as for flows
and executions.  A name is one of a namespace, by default of `default`.
"""

from typing import NamedTuple

from starlette.requests import Request

from mainspring.domain import starters as s
from mainspring.domain.envelope import Envelope, StreamId
from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.domain.message import Json
from mainspring.http.answers import as_uuid
from mainspring.http.caller import Caller, caller_of
from mainspring.http.faults import shown
from mainspring_api.context import Api


class Known(NamedTuple):
    """A trigger that is there, and who asks about it, on behalf of its namespace."""

    starter: s.Starter
    caller: Caller


def caller_in(request: Request, named: Json = None) -> Caller:
    """Return who asks; `named` is the namespace in the body.  Raises `DefinitionInvalid`."""
    query = request.query_params.get("namespace")
    told = named if isinstance(named, str) else None
    if query is not None and told is not None and query != told:
        raise DefinitionInvalid(["namespace: is another one in the query"])
    return caller_of(request, project=query if told is None else told)


async def known(api: Api, request: Request, named: Json = None) -> Known:
    """Return the trigger of a path; raise `NotFound`."""
    text, caller = request.path_params["id"], caller_in(request, named)
    id = as_uuid(text)
    project = caller.project if names_one(request, named) else None
    found = None if id is None else await api.views.starter(id, project=project)
    if found is None or found.row.removed_at is not None:
        raise NotFound(f"no trigger {shown(text)}")
    return Known(found, caller._replace(project=found.row.project))


async def caller_for(api: Api, request: Request, flow: Json, named: Json = None) -> Caller:
    """Return who asks for something of a flow, on behalf of the flow's namespace."""
    caller = caller_in(request, named)
    if names_one(request, named):
        return caller
    home = await namespace_of(api, flow)
    return caller if home is None else caller._replace(project=home)


async def namespace_of(api: Api, flow: Json) -> str | None:
    """Return the namespace of the flow with this id, also of a deleted one; None without one."""
    first = await first_of(api, flow)
    return None if first is None else first.project


async def first_of(api: Api, flow: Json) -> Envelope | None:
    """Return the event that stored the first version of the workflow with this id.

    The log has it, also when the workflow is deleted: its executions are still there.
    """
    id = as_uuid(flow) if isinstance(flow, str) else None
    if id is None:
        return None
    found = await api.engine.log.read_all(after=0, limit=1, stream=StreamId("definition", id))
    return found[0] if found else None


def names_one(request: Request, named: Json = None) -> bool:
    """Say whether a request names a namespace."""
    told = (named, request.query_params.get("namespace"), request.headers.get("x-project-id"))
    return any(each is not None for each in told)
