"""`core.gate`: a decision of people; the engine asks for it and waits, with no worker held."""

from typing import Final

from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import (
    Schema,
    choice,
    closed,
    either,
    flag,
    gives,
    named,
    of,
    tasks,
    text,
    whole,
)

_ADDRESS: Final[Schema] = {
    "type": ["string", "object"],
    "minLength": 1,
    "properties": {"url": {"type": "string", "minLength": 1}},
    "required": ["url"],
    "additionalProperties": False,
}
_NAMES: Final = {"type": "array", "items": {"type": "string", "minLength": 1}}

MANIFEST: Final = Manifest(
    id="core.gate",
    name="Gate",
    category="Core",
    description="Waits until people have approved or rejected. A rejection fails the task, "
    "unless there are tasks for it.",
    input=closed(
        {
            "message": text("What is to be decided.", default=""),
            "approvers": of(
                ["object", "array"],
                "Who may decide: users and roles, or a list of users; anyone when not given.",
                properties={"users": _NAMES, "roles": _NAMES},
                additionalProperties=False,
                items={"type": "string", "minLength": 1},
            ),
            "required": whole("How many have to approve.", default=1, minimum=1),
            "timeout": of(
                ["string", "number"], "How long it waits (30m, 1h30m, PT30M, or seconds)."
            ),
            "onTimeout": choice(
                "What a time-out decides.", "fail", "approve", "reject", default="fail"
            ),
            "inputsSchema": named("A JSON Schema of what an approval brings with it."),
            "notify": either(
                "Who is told of the question by a POST: a URL, an object with one, or a list.",
                _ADDRESS,
                {"type": "array", "items": _ADDRESS, "maxItems": 10},
            ),
            "onReject": tasks(
                "The tasks to run when it is rejected; what comes after the gate is then skipped."
            ),
        }
    ),
    output=gives(
        {
            "approved": flag("Whether it was approved; false where a rejection goes on."),
            "decidedBy": of(["string", "null"], "Who decided last; null: the time-out."),
            "comment": of(["string", "null"], "What was said with the decision."),
            "inputs": of(["object", "null"], "What the approval brought with it."),
        }
    ),
    is_control=True,
    examples=(
        {
            "input": {"message": "Pay out?", "approvers": {"users": ["ann"]}, "timeout": "24h"},
            "output": {"approved": True, "decidedBy": "ann", "comment": "fine", "inputs": {}},
        },
    ),
)
