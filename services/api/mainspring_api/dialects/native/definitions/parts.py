"""What the handlers of workflows share: who asks, and what they sent."""

from collections.abc import Mapping
from typing import cast

from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http import bodies
from mainspring.http.caller import Caller, caller_of


def caller_in(request: Request, sent: Mapping[str, Json]) -> Caller:
    """Return who asks; the project may also stand in the body, and then nowhere another one."""
    named = sent.get("project_id")
    if named is not None and not isinstance(named, str):
        raise DefinitionInvalid([f"project_id: a text is wanted, not {kind(named)}"])
    query = request.query_params.get("project_id")
    if named is not None and query is not None and named != query:
        raise DefinitionInvalid(["project_id: is not the one in the query"])
    return caller_of(request, project=named if query is None else query)


def object_in(body: bytes) -> dict[str, Json]:
    """Return the members of the JSON object that a body is; raise `DefinitionInvalid`."""
    found = bodies.value(body)
    if not isinstance(found, dict):
        raise DefinitionInvalid([f"the body must be an object, not {kind(found)}"])
    return cast("dict[str, Json]", found)


def without(sent: Mapping[str, Json], *names: str) -> dict[str, Json]:
    """Return what was sent without some members, and without those that are null."""
    return {name: value for name, value in sent.items() if name not in names and value is not None}
