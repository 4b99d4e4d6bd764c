"""Reading workflows: one, many, and their versions."""

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import NotFound
from mainspring.http.answers import json
from mainspring.http.caller import native_caller_of
from mainspring.http.faults import shown
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions import present, wire
from mainspring_api.dialects.native.definitions.found import find


async def get(api: Api, request: Request) -> Response:
    """Return a workflow in its newest version."""
    caller = native_caller_of(request)
    return json(present.workflow(await find(api, caller.project, request.path_params["id"])))


async def get_version(api: Api, request: Request) -> Response:
    """Return one version of a workflow."""
    caller = native_caller_of(request)
    named, text = request.path_params["id"], request.path_params["version"]
    is_number = text.isascii() and text.isdecimal() and text[0] != "0" and len(text) < 10
    if not is_number or int(text) > wire.MOST_VERSION:
        raise NotFound(f"workflow {shown(named)} has no version {shown(text)}")
    found = await find(api, caller.project, named, int(text))
    return json(present.workflow(found))
