"""Looking at a flow's text: all its faults and warnings with their places, and nothing stored."""

from starlette.requests import Request
from starlette.responses import Response

from mainspring.http.answers import json
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions import parts, present, wire
from mainspring_api.dialects.flows.definitions.compile import tasks_total
from mainspring_api.dialects.flows.definitions.meaning import meaning, read
from mainspring_api.dialects.yamls import DocumentInvalid


async def validate(api: Api, request: Request) -> Response:
    """Answer 200 with what is wrong with a text, and whether it could be stored."""
    _, sent = await parts.object_sent(request)
    asked = parts.form_of(sent, wire.FlowText)
    text = await read(asked.yaml_content)
    named = asked.namespace
    if named is None and parts.named_namespace(request) is None:
        named = text.name("namespace") or None
    caller = parts.caller_in(request, parts.named_namespace(request, named))
    # A name may stand beside the text, as when it is stored; there is nothing wrong without one.
    name = asked.name or text.name("name") or "unnamed"
    try:
        found = await meaning(api, text, name, caller.project)
    except DocumentInvalid as refused:
        errors = tuple(map(present.fault, refused.details))
        return json(
            wire.Validation(valid=False, errors=errors, warnings=(), order=None, tasks_total=None)
        )
    return json(
        wire.Validation(
            valid=True,
            errors=(),
            warnings=tuple(map(present.fault, found.warnings)),
            order=found.order,
            tasks_total=tasks_total(found.definition),
        )
    )
