"""Reading workflows: one, many, and their versions."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import NotFound
from mainspring.http.answers import json, listed, uuid_page
from mainspring.http.caller import native_caller_of
from mainspring.http.faults import shown
from mainspring.http.paging import PageQuery, cursor
from mainspring.http.query import query_of, tag_of
from mainspring.ports import Page
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions import present
from mainspring_api.dialects.native.definitions.compile import DIALECT
from mainspring_api.dialects.native.definitions.found import (
    Workflow,
    find,
    numbered,
    of,
    there,
)

AT_ONCE: Final = 100
"""So many workflows at least are looked at for those that have a tag."""


async def get(api: Api, request: Request) -> Response:
    """Return a workflow in its newest version."""
    caller = native_caller_of(request)
    return json(present.workflow(await find(api, caller.project, request.path_params["id"])))


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the project's workflows in their newest versions, newest first."""
    query = query_of(request)
    project, page, tag = native_caller_of(request).project, uuid_page(query), tag_of(query)
    found = await _tagged(api, project, tag, page)
    last = found[page.limit - 1] if len(found) > page.limit else None
    after = cursor(last.began_at, last.id) if last else None
    return listed(request, [present.workflow(each) for each in found[: page.limit]], after)


async def _tagged(
    api: Api, project: str, tag: tuple[str, str | None] | None, page: PageQuery
) -> list[Workflow]:
    """Return at least one workflow more than a page has, if there are so many with a tag."""
    size = page.limit + 1 if tag is None else max(page.limit + 1, AT_ONCE)
    found, before, more = list[Workflow](), page.before, True
    while more and len(found) <= page.limit:
        lines = await api.views.lineages(project, DIALECT, limit=size, before=before)
        all_ = [of(line) for line in lines]
        found += all_ if tag is None else [each for each in all_ if _has(each, *tag)]
        more = len(lines) == size
        before = Page(all_[-1].began_at, all_[-1].id) if all_ else None
    return found


def _has(found: Workflow, key: str, value: str | None) -> bool:
    tags: dict[str, str] = found.source.get("tags") or {}
    return key in tags and value in (None, tags[key])


async def get_versions(api: Api, request: Request) -> Response:
    """Return a page of a workflow's versions, newest first."""
    project, page = native_caller_of(request).project, uuid_page(query_of(request))
    line = await there(api, project, request.path_params["id"])
    name = of(line).row.name
    versions = await api.views.versions(
        project, DIALECT, name, limit=page.limit + 1, before=page.before
    )
    last = versions[page.limit - 1].row if len(versions) > page.limit else None
    after = cursor(last.created_at, last.id) if last else None
    found = [of(line, each) for each in versions[: page.limit]]
    return listed(request, [present.workflow(each) for each in found], after)


async def get_version(api: Api, request: Request) -> Response:
    """Return one version of a workflow."""
    caller = native_caller_of(request)
    named, text = request.path_params["id"], request.path_params["version"]
    version = numbered(text)
    if version is None:
        raise NotFound(f"workflow {shown(named)} has no version {shown(text)}")
    found = await find(api, caller.project, named, version)
    return json(present.workflow(found))
