"""Finding workflows: by name, in a version, and those of other dialects that can be run as well.

A name belongs to one workflow for ever: one that was deleted and is applied again goes on counting
versions, so a version of an execution means one thing.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from mainspring.domain.errors import NotFound
from mainspring.domain.message import Json
from mainspring.domain.rows import DefinitionRow
from mainspring.http.faults import shown
from mainspring.http.query import CONTROL
from mainspring.ports import DefinitionDetail, Lineage
from mainspring.runtime.starters import UNNUMBERED
from mainspring_api.context import Api
from mainspring_api.dialects.runs.compile import DIALECT
from mainspring_api.dialects.runs.wire import LONGEST_NAME

_NAME: Final = re.compile(rf"[a-z][a-z0-9-]{{0,{LONGEST_NAME - 1}}}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


class Found(NamedTuple):
    """One version of a workflow: the workflow's id, the row, and the text of ours."""

    id: str
    row: DefinitionRow
    text: str = ""

    @property
    def version(self) -> int | str:
        """The version as clients read it."""
        return number_of(self.row.version) or self.row.version

    @property
    def hash(self) -> str:
        return hash_of(self.text)


def hash_of(text: str) -> str:
    """Return what a text is known by: the SHA-256 of its UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def number_of(version: str) -> int | None:
    """Return the number that a version is; None when no version of ours is called so."""
    return int(version) if _NUMBER.fullmatch(version) else None


async def lineage_of(api: Api, project: str, name: str) -> Lineage | None:
    """Return all versions of a workflow, also of one that was deleted."""
    if not _NAME.fullmatch(name):
        return None  # no workflow can have this name, and not every text can be asked for
    return await api.views.lineage(project, DIALECT, name=name)


async def there(api: Api, project: str, name: str) -> Lineage:
    """Return the versions of a workflow that is there; raise `NotFound`."""
    line = await lineage_of(api, project, name)
    if line is None or line.newest is None:
        raise NotFound(f"no workflow {shown(name)}")
    return line


def of(line: Lineage, detail: DefinitionDetail | None = None) -> Found:
    """Return a version of a workflow that is there, or else its newest one."""
    found = detail or line.newest
    assert found is not None, "a workflow that is there has a newest version"  # noqa: S101
    return Found(line.id, found.row, text_of(found))


def text_of(detail: DefinitionDetail) -> str:
    """Return the YAML that a stored version was made of."""
    return cast("str", cast("Mapping[str, Json]", detail.source)["yaml"])


async def find(api: Api, project: str, name: str, version: int | None = None) -> Found:
    """Return a workflow in its newest version, or in the one asked for; raise `NotFound`."""
    line = await there(api, project, name)
    newest = of(line)
    if version is None or newest.row.version == str(version):
        return newest
    found = await api.views.definition(project=project, name=name, version=str(version))
    if found is None or found.row.dialect != DIALECT:
        raise NotFound(f"workflow {shown(name)} has no version {version}")
    return of(line, found)


async def runnable(api: Api, project: str, name: str, version: int | str | None = None) -> Found:
    """Return a workflow, or the definition of another dialect that has this name.

    Raises `NotFound`.
    """
    line = await lineage_of(api, project, name)
    if line is not None and line.newest is not None:
        number = number_of(version) if isinstance(version, str) else version
        if version is not None and number is None:
            raise NotFound(f"workflow {shown(name)} has no version {shown(str(version))}")
        return await find(api, project, name, number)
    found = None if CONTROL.search(name) else await _other(api, project, name, version)
    if found is None:
        raise NotFound(f"no workflow {shown(name)}{'' if version is None else f' {version}'}")
    return Found(await catalog_id(api, found.row), found.row)


async def _other(
    api: Api, project: str, name: str, version: int | str | None
) -> DefinitionDetail | None:
    if version is None:
        return await api.views.newest_definition(project=project, name=name)
    return await api.views.definition(project=project, name=name, version=str(version))


async def catalog_id(api: Api, row: DefinitionRow) -> str:
    """Return the id of the workflow that a version belongs to."""
    if row.dialect == UNNUMBERED:
        return row.id
    line = await api.views.lineage(row.project, row.dialect, name=row.name)
    return row.id if line is None else line.id
