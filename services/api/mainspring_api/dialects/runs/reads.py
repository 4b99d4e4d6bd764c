"""Reading workflows: one, many, their versions, and what a text would be."""

from functools import lru_cache
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import NotFound
from mainspring.http.answers import json, uuid_page
from mainspring.http.caller import caller_of
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import shown as instant
from mainspring.http.paging import cursor, next_page
from mainspring.http.query import query_of
from mainspring.ports import Lineage
from mainspring_api.context import Api
from mainspring_api.dialects.runs import answers
from mainspring_api.dialects.runs.compile import DIALECT
from mainspring_api.dialects.runs.found import Found, find, number_of, of, there
from mainspring_api.dialects.runs.plan import plan_of
from mainspring_api.dialects.runs.texts import Reading, apart, text_in
from mainspring_api.dialects.yamls import DocumentInvalid, read_yaml


async def get(api: Api, request: Request) -> Response:
    """Return a workflow in its newest version."""
    project = caller_of(request).project
    return json(await _shown(await find(api, project, request.path_params["name"])))


async def get_version(api: Api, request: Request) -> Response:
    """Return a workflow in one of its versions."""
    project, name = caller_of(request).project, request.path_params["name"]
    number = number_of(request.path_params["version"])
    if number is None:
        what = shown(request.path_params["version"])
        raise NotFound(f"workflow {shown(name)} has no version {what}")
    return json(await _shown(await find(api, project, name, number)))


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of the project's workflows, those that began last first."""
    project, page = caller_of(request).project, uuid_page(query_of(request))
    lines = await api.views.lineages(project, DIALECT, limit=page.limit + 1, before=page.before)
    last = lines[page.limit - 1] if len(lines) > page.limit else None
    after = cursor(_began(last), last.id) if last else None
    found = answers.Workflows(workflows=tuple(_listed(line) for line in lines[: page.limit]))
    return _page(request, found, after)


async def get_versions(api: Api, request: Request) -> Response:
    """Return a page of a workflow's versions, newest first."""
    project, page = caller_of(request).project, uuid_page(query_of(request))
    line = await there(api, project, request.path_params["name"])
    name = of(line).row.name
    rows = await api.views.versions(
        project, DIALECT, name, limit=page.limit + 1, before=page.before
    )
    last = rows[page.limit - 1].row if len(rows) > page.limit else None
    after = cursor(last.created_at, last.id) if last else None
    versions = [of(line, each) for each in rows[: page.limit]]
    found = answers.Versions(name=name, versions=tuple(_stored(each) for each in versions))
    return _page(request, found, after)


async def validate(api: Api, request: Request) -> Response:
    """Say whether a text could be applied, with everything that keeps it from that."""
    _, text = await text_in(request)
    reading = Reading(text)
    try:
        await reading.compiled(api, caller_of(request).project)
    except DocumentInvalid as refused:
        return json(answers.Validated(valid=False, errors=refused.located, name=reading.name))
    return json(answers.Validated(valid=True, errors=(), name=reading.name))


async def plan(api: Api, request: Request) -> Response:
    """Say what applying a text would change; raise `DocumentInvalid` when it could not be."""
    _, text = await text_in(request)
    project, name = caller_of(request).project, request.path_params["name"]
    reading = Reading(text)
    await reading.compiled(api, project, name)
    try:
        newest: Found | None = await find(api, project, name)
    except NotFound:
        newest = None
    following = await _next(api, project, name)
    return json(await apart(text, plan_of, name, text, reading.document.data, newest, following))


async def _next(api: Api, project: str, name: str) -> int:
    line = await api.views.lineage(project, DIALECT, name=name)
    return 1 if line is None else int(line.last) + 1


def _page(
    request: Request, found: answers.Workflows | answers.Versions, after: str | None
) -> Response:
    headers = next_page(request.url.path, query_of(request), after) if after else None
    return json(found, headers=headers)


@lru_cache(maxsize=64)
def data_of(text: str) -> dict[str, Any]:
    """Return a stored text as plain values; it was read before, so it can be."""
    return cast("dict[str, Any]", read_yaml(text, Faults()).data)


async def _shown(found: Found) -> answers.Workflow:
    return answers.Workflow(
        name=found.row.name,
        version=int(found.row.version),
        content_hash=found.hash,
        content=found.text,
        definition=await apart(found.text, data_of, found.text),
        created_at=instant(found.row.created_at),
    )


def _began(line: Lineage) -> float:
    return line.began_at or of(line).row.created_at


def _listed(line: Lineage) -> answers.Listed:
    row = of(line).row
    return answers.Listed(
        name=row.name,
        latest_version=int(row.version),
        created_at=instant(_began(line)),
        updated_at=instant(row.created_at),
    )


def _stored(found: Found) -> answers.Stored:
    return answers.Stored(
        version=int(found.row.version),
        content_hash=found.hash,
        created_at=instant(found.row.created_at),
    )
