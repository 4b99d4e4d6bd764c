"""Finding a flow by its id, in its present revision or in another.

The id is that of the first revision's row and never changes.  A name belongs to one flow for ever:
one that was deleted and is created again has its old id and goes on counting revisions, so that
the revision of an execution means one thing.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.domain.message import Json
from mainspring.domain.rows import DefinitionRow
from mainspring.http.answers import as_uuid
from mainspring.http.caller import Caller
from mainspring.http.faults import shown
from mainspring.ports import DefinitionDetail, Lineage
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions.compile import DIALECT
from mainspring_api.dialects.flows.definitions.parts import caller_in, named_namespace
from mainspring_api.dialects.native.ids import version_id

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


class Flow(NamedTuple):
    """One revision of a flow: the flow's id, and the instant at which it began."""

    id: str
    began_at: float
    row: DefinitionRow
    source: Mapping[str, Json]

    @property
    def revision(self) -> int:
        return int(self.row.version)

    @property
    def text(self) -> str:
        return str(self.source["yaml"])

    @property
    def told(self) -> str | None:
        """The description that stands beside the text, and not in it."""
        own: dict[str, Json] = self.source.get("own") or {}
        return own.get("description")


class Asked(NamedTuple):
    """Who asks, and the flow that is asked for."""

    caller: Caller
    line: Lineage

    @property
    def flow(self) -> Flow:
        return of(self.line)


async def asked(api: Api, request: Request, namespace: str | None = None) -> Asked:
    """Return the flow that a path names, with who asks for it; raise `NotFound`.

    Where no namespace is named, the id alone finds it.
    """
    text = request.path_params["id"]
    named = named_namespace(request, namespace)
    caller = caller_in(request, named)
    id = as_uuid(text)
    line = None if id is None else await api.views.lineage(named, DIALECT, id=id)
    if line is None or line.newest is None:
        raise NotFound(f"no flow {shown(text)}")
    return Asked(caller._replace(project=line.newest.row.project), line)


async def revision(api: Api, line: Lineage, text: str) -> Flow:
    """Return a revision of a flow that is there; raise `NotFound`, `DefinitionInvalid`."""
    if not _NUMBER.fullmatch(text):
        raise DefinitionInvalid([f"rev: a whole number is wanted, not {shown(text)}"])
    newest = of(line)
    if newest.row.version == text:
        return newest
    found = await api.views.definition(project=newest.row.project, id=version_id(line.id, text))
    if found is None:
        raise NotFound(f"flow {line.id} has no revision {text}")
    return of(line, found)


def of(line: Lineage, version: DefinitionDetail | None = None) -> Flow:
    """Return a revision of a flow that is there, or else its present one."""
    found = version or line.newest
    assert found is not None, "a flow that is there has a present revision"  # noqa: S101
    source = cast("dict[str, Json]", found.source)
    return Flow(line.id, line.began_at or found.row.created_at, found.row, source)
