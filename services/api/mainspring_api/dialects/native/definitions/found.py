"""Finding a workflow by its id or its slug, in one of its versions.

The id is that of the first version's row and never changes; a slug is the name of all its rows.
"""

from typing import NamedTuple

from mainspring.domain.errors import NotFound
from mainspring.domain.message import Json
from mainspring.domain.rows import DefinitionRow
from mainspring.http.answers import as_uuid
from mainspring.http.faults import shown
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions.compile import DIALECT

FIRST = "1"


class Workflow(NamedTuple):
    """One version of a workflow, and the row of the first one."""

    first: DefinitionRow
    row: DefinitionRow
    source: Json

    @property
    def id(self) -> str:
        return self.first.id


async def find(api: Api, project: str, named: str, version: int | None = None) -> Workflow:
    """Return a workflow in its newest version, or in the one asked for; raise `NotFound`."""
    first = await _first(api, project, named)
    if first is None:
        raise NotFound(f"no workflow {shown(named)}")
    if version is None:
        found = await api.views.newest_definition(project=project, name=first.name)
    else:
        found = await api.views.definition(project=project, name=first.name, version=str(version))
    if found is None:
        raise NotFound(f"workflow {shown(named)} has no version {version}")
    return Workflow(first, found.row, found.source)


async def _first(api: Api, project: str, named: str) -> DefinitionRow | None:
    id = as_uuid(named)
    if id is not None:
        found = await api.views.definition(project=project, id=id)
    else:
        found = await api.views.definition(project=project, name=named, version=FIRST)
    is_ours = found is not None and (found.row.dialect, found.row.version) == (DIALECT, FIRST)
    return found.row if found is not None and is_ours else None
