"""What a text means in a namespace: the flows that its tasks execute are looked up, then compiled.

Checking and storing go the same way, so that what is valid can be stored.
"""

import asyncio
from typing import Final

from mainspring.http.answers import as_uuid
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions.compile import (
    DIALECT,
    Flow,
    Text,
    compile_flow,
    read_text,
)
from mainspring_api.dialects.flows.definitions.controls import Asked, Pin
from mainspring_api.dialects.native.ids import version_id

LARGE: Final = 20_000
"""Characters of a text from which on it is looked at beside the loop: it may take a second."""


async def read(text: str) -> Text:
    """Return a flow's text, read as far as YAML goes."""
    return read_text(text) if len(text) < LARGE else await asyncio.to_thread(read_text, text)


async def meaning(api: Api, text: str | Text, name: str | None, namespace: str) -> Flow:
    """Return what a flow's text means; raise `DocumentInvalid` with all its faults."""
    found = await read(text) if isinstance(text, str) else text
    pins: dict[Asked, Pin] = {}
    for asked in found.subflows(namespace):
        pin = await _pin(api, namespace, asked)
        if pin is not None:
            pins[asked] = pin
    if found.size < LARGE:
        return compile_flow(found, name, namespace, pins)
    return await asyncio.to_thread(compile_flow, found, name, namespace, pins)


async def _pin(api: Api, namespace: str, asked: Asked) -> Pin | None:
    """Return the flow that a task executes; None when there is none, or not this revision."""
    named, number = asked
    id = as_uuid(named)
    line = await api.views.lineage(namespace, DIALECT, id=id, name=named)
    newest = line.newest if line is not None else None
    if line is None or newest is None:
        return None
    if number is None:
        return Pin(line.id, newest.row.name, None)
    id = version_id(line.id, str(number))
    found = await api.views.definition(project=namespace, id=id)
    return None if found is None else Pin(line.id, newest.row.name, found.row.compiled)
