"""Reading workflows: one, many, and their versions."""

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import NotFound
from mainspring.http.answers import json, listed, uuid_page
from mainspring.http.caller import native_caller_of
from mainspring.http.faults import shown
from mainspring.http.paging import cursor
from mainspring.http.query import query_of
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions import present, wire
from mainspring_api.dialects.native.definitions.compile import DIALECT
from mainspring_api.dialects.native.definitions.found import find, of, there


async def get(api: Api, request: Request) -> Response:
    """Return a workflow in its newest version."""
    caller = native_caller_of(request)
    return json(present.workflow(await find(api, caller.project, request.path_params["id"])))


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the project's workflows in their newest versions, newest first."""
    project, page = native_caller_of(request).project, uuid_page(query_of(request))
    lines = await api.views.lineages(project, DIALECT, limit=page.limit + 1, before=page.before)
    found = [of(line) for line in lines]
    last = found[page.limit - 1] if len(found) > page.limit else None
    after = cursor(last.began_at, last.id) if last else None
    return listed(request, [present.workflow(each) for each in found[: page.limit]], after)


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
    is_number = text.isascii() and text.isdecimal() and text[0] != "0" and len(text) < 10
    if not is_number or int(text) > wire.MOST_VERSION:
        raise NotFound(f"workflow {shown(named)} has no version {shown(text)}")
    found = await find(api, caller.project, named, int(text))
    return json(present.workflow(found))
