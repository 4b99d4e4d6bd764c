"""Finding a workflow by its id or its slug, in one of its versions.

The id is that of the first version's row and never changes; a slug is the name of all its rows.  A
slug belongs to one workflow for ever: one that was deleted and is created again has its old id and
goes on counting versions, so that a version of a run means one thing.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from mainspring.domain.errors import NotFound
from mainspring.domain.message import Json
from mainspring.domain.rows import DefinitionRow
from mainspring.http.answers import as_uuid
from mainspring.http.faults import shown
from mainspring.http.query import CONTROL
from mainspring.ports import DefinitionDetail, Lineage
from mainspring.runtime.starters import UNNUMBERED
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions.compile import DIALECT

FIRST: Final = "1"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


class Workflow(NamedTuple):
    """One version of a workflow: the workflow's id, and the instant at which it began."""

    id: str
    began_at: float
    row: DefinitionRow
    source: Mapping[str, Json]


async def lineage_of(api: Api, project: str, named: str) -> Lineage | None:
    """Return all versions of a workflow, also of one that was deleted."""
    id = as_uuid(named)
    if id is not None:
        return await api.views.lineage(project, DIALECT, id=id)
    if not _SLUG.fullmatch(named):
        return None  # no workflow can have this name, and not every text can be asked for
    return await api.views.lineage(project, DIALECT, name=named)


async def there(api: Api, project: str, named: str) -> Lineage:
    """Return the versions of a workflow that is there; raise `NotFound`."""
    line = await lineage_of(api, project, named)
    if line is None or line.newest is None:
        raise NotFound(f"no workflow {shown(named)}")
    return line


async def find(api: Api, project: str, named: str, version: int | None = None) -> Workflow:
    """Return a workflow in its newest version, or in the one asked for; raise `NotFound`."""
    line = await there(api, project, named)
    newest = of(line)
    if version is None or newest.row.version == str(version):
        return newest
    found = await api.views.definition(project=project, name=newest.row.name, version=str(version))
    if found is None or found.row.dialect != DIALECT:
        raise NotFound(f"workflow {shown(named)} has no version {version}")
    return of(line, found)


async def runnable(
    api: Api, project: str, named: str, version: int | str | None = None
) -> Workflow:
    """Return a workflow, or the definition of another dialect that has this name or id.

    Raises `NotFound`.
    """
    line = await lineage_of(api, project, named)
    if line is not None and line.newest is not None:
        number = numbered(version) if isinstance(version, str) else version
        if version is not None and number is None:
            raise NotFound(f"workflow {shown(named)} has no version {shown(str(version))}")
        return await find(api, project, named, number)
    found = await _other(api, project, named, version)
    if found is None:
        raise NotFound(f"no workflow {shown(named)}{'' if version is None else f' {version}'}")
    return found


def numbered(version: str) -> int | None:
    """Return the number that a version is; None when no version is called so."""
    return int(version) if _NUMBER.fullmatch(version) else None


async def _other(api: Api, project: str, named: str, version: int | str | None) -> Workflow | None:
    if CONTROL.search(named):
        return None
    id = as_uuid(named)
    if id is not None:
        found = await api.views.definition(project=project, id=id)
    elif version is None:
        found = await api.views.newest_definition(project=project, name=named)
    else:
        found = await api.views.definition(project=project, name=named, version=str(version))
    if found is None or found.row.dialect == DIALECT:
        return None
    return await _theirs(api, found, is_newest=id is not None and version is None)


async def _theirs(api: Api, found: DefinitionDetail, *, is_newest: bool) -> Workflow:
    """Return a version of another dialect's workflow; an id is that of all its versions."""
    row = found.row
    line = None
    if row.dialect != UNNUMBERED:
        line = await api.views.lineage(row.project, row.dialect, name=row.name)
    if line is None or line.newest is None:
        return Workflow(row.id, row.created_at, row, {})
    row = line.newest.row if is_newest else row
    return Workflow(line.id, row.created_at, row, {})


def of(line: Lineage, version: DefinitionDetail | None = None) -> Workflow:
    """Return a version of a workflow that is there, or else its newest one."""
    found = version or line.newest
    assert found is not None, "a workflow that is there has a newest version"  # noqa: S101
    source = cast("dict[str, Json]", found.source)
    return Workflow(line.id, line.began_at or found.row.created_at, found.row, source)
