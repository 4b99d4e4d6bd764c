"""The bus described for other languages: AsyncAPI 3.0, written out from the subjects and structs.

Addresses come from `subjects`, with parameters where ids stand, and payloads from the structs that
travel; so the document cannot name a subject that the code does not use.  What JetStream keeps of a
channel is an extension (`x-jetstream`), since the standard has no words for it.
"""

from typing import Final, cast

import msgspec

from mainspring.bus import subjects
from mainspring.domain.message import Json
from mainspring.domain.schemas import pretty, tidied
from mainspring.domain.task import ChildEnded, Finished, Logged, Started, Task

_PARTITION = cast("int", "{partition}")  # the functions only put it into a text

PARAMETERS: Final[dict[str, str]] = {
    "category": "What the stream is about: execution, definition, compiled, and others to come.",
    "partition": "The partition of an execution; 0 for other categories.",
    "id": "The id of the stream.",
    "execution": "The id of an execution.",
}


def document() -> Json:
    """Return the AsyncAPI document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Mainspring on NATS",
            "version": "1",
            "description": (
                "The services meet here and on the event log. Everything here may be lost or come"
                " twice: what is known stands in the log, and sweeps over it hand out again what"
                " has not moved."
            ),
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def documents() -> dict[str, bytes]:
    """Return the document as a file, by its path below `proto/`."""
    return {"asyncapi.json": pretty(document())}


def _channels() -> Json:
    event = subjects.event("{category}", _PARTITION, "{id}", settled=False)
    settled = subjects.event("{category}", _PARTITION, "{id}", settled=True)
    return {
        "appended": _channel(
            event,
            "A stream has grown by facts that want a decision.",
            ["Appended"],
            subjects.EVENTS,
        ),
        "settled": _channel(
            settled,
            "A stream has grown, and nothing is left to decide.",
            ["Appended"],
            subjects.EVENTS,
        ),
        "tasks": _channel(
            subjects.TASK_QUEUE, "Attempts to make; a work queue.", ["Task"], subjects.TASKS
        ),
        "results": _channel(
            subjects.result(_PARTITION),
            "What executors saw, and runs that others wait for and that have ended; a work queue"
            " for each partition.",
            ["Started", "Logged", "Finished", "ChildEnded"],
            subjects.RESULTS,
        ),
        "cancel": _channel(
            subjects.cancel("{execution}"), "Attempts of an execution should stop.", ["Cancel"]
        ),
        "cancelWithin": _channel(
            subjects.cancel_within("{execution}"),
            "Attempts of one loop of an execution should stop.",
            ["CancelWithin"],
        ),
        "hello": _channel(
            subjects.SCHEDULER_HELLO, "A scheduler says that it is there.", ["Hello"]
        ),
    }


def _channel(address: str, text: str, messages: list[str], stream: str | None = None) -> Json:
    named = [name for name in PARAMETERS if "{" + name + "}" in address]
    channel: dict[str, Json] = {
        "address": address,
        "description": text,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }
    if named:
        channel["parameters"] = {name: {"description": PARAMETERS[name]} for name in named}
    if stream is not None:
        filters = list(subjects.STREAM_SUBJECTS[stream])
        channel["x-jetstream"] = {"stream": stream, "subjects": filters}
    return channel


def _operations() -> Json:
    """Return who sends and who receives: every service is one application to the standard."""
    found: dict[str, Json] = {}
    for channel in ("appended", "settled", "tasks", "results", "cancel", "cancelWithin", "hello"):
        for action in ("send", "receive"):
            found[f"{action}-{channel}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel}"},
            }
    return found


def _messages() -> Json:
    message_id = {"type": "object", "properties": {"Nats-Msg-Id": {"type": "string"}}}
    known: dict[str, Json] = {
        name: {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}}
        for name in ("Appended", "Task", "Started", "Logged", "Finished", "ChildEnded")
    }
    for name in ("Appended", "Task"):
        known[name]["headers"] = message_id
    known["Cancel"] = {"name": "Cancel", "summary": "It has no payload.", "payload": {"const": ""}}
    known["CancelWithin"] = {
        "name": "CancelWithin",
        "contentType": "text/plain",
        "payload": {"type": "string", "description": "The ref of the loop."},
    }
    known["Hello"] = {
        "name": "Hello",
        "contentType": "text/plain",
        "payload": {"type": "string", "description": "The id of the replica."},
    }
    return known


def _schemas() -> Json:
    _, components = msgspec.json.schema_components(
        (Task, Started, Logged, Finished, ChildEnded), ref_template="#/components/schemas/{name}"
    )
    appended = {
        "title": "Appended",
        "type": "object",
        "description": "The stream has reached this version; what was appended stands in the log.",
        "properties": {
            "v": {"type": "integer", "description": "The version of the stream."},
            "x": {"type": "string", "description": "The project that the stream belongs to."},
            "e": {"type": "boolean", "description": "Whether what it is about has ended."},
            "first": {
                "type": "object",
                "description": "The first event of a run that begins, unless it is large.",
            },
        },
        "required": ["v"],
    }
    return {"Appended": appended, **tidied(components)}
