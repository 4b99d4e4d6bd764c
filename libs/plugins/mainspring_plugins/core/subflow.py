"""`core.subflow`: an execution of another flow; the engine starts it and waits for it."""

from typing import Final

from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import closed, flag, gives, named, text, whole

MANIFEST: Final = Manifest(
    id="core.subflow",
    name="Subflow",
    category="Core",
    description="Executes another flow and waits for its end, unless it is told not to.",
    input=closed(
        {
            "flow": text("The flow's id, its name, or namespace/name.", minLength=1),
            "revision": whole("The revision; the newest when not given.", minimum=1),
            "inputs": named("The inputs of the execution.", default={}),
            "wait": flag("Wait for its end.", default=True),
            "transmitFailed": flag("Fail when the execution fails.", default=True),
        },
        "flow",
    ),
    output=gives(
        {
            "executionId": text("The id of the execution."),
            "status": text("How it stands, or how it ended."),
            "outputs": named("Its outputs; empty when it was not waited for."),
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
