"""`core.subflow`: an execution of another flow; the engine starts it and waits for it."""

from typing import Final

from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import gives, of, takes

MANIFEST: Final = Manifest(
    id="core.subflow",
    name="Subflow",
    category="Core",
    description="Executes another flow and waits for its end, unless it is told not to.",
    input=takes(
        {
            "flow": of("string", "The flow's id, its name, or namespace/name.", minLength=1),
            "revision": of("integer", "The revision; the newest when not given.", minimum=1),
            "inputs": of("object", "The inputs of the execution.", default={}),
            "wait": of("boolean", "Wait for its end.", default=True),
            "transmitFailed": of("boolean", "Fail when the execution fails.", default=True),
        },
        required=("flow",),
    ),
    output=gives(
        {
            "executionId": of("string", "The id of the execution."),
            "status": of("string", "How it stands, or how it ended."),
            "outputs": of("object", "Its outputs; empty when it was not waited for."),
        }
    ),
    is_control=True,
    examples=(
        {
            "input": {"flow": "billing/invoice", "inputs": {"order": 7}},
            "output": {
                "executionId": "01900000-0000-7000-8000-000000000002",
                "status": "SUCCESS",
                "outputs": {"send": {"message": "sent"}},
            },
        },
    ),
)
