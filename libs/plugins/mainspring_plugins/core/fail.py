"""`core.fail`: fails on purpose, and no other try helps."""

from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest, PluginFailed
from mainspring_plugins.support.schema import anything, closed, flag, gives, of, text
from mainspring_plugins.support.truths import holds

MANIFEST: Final = Manifest(
    id="core.fail",
    name="Fail",
    category="Core",
    description="Fails with a message, when its condition holds. Such a failure is not retried.",
    input=closed(
        {
            "message": text("Why it fails.", default="failed on purpose"),
            "condition": anything("Fails only when this holds.", default=True),
            "code": of(["string", "integer"], "A code for whoever handles the failure."),
        }
    ),
    output=gives({"failed": flag("False: the condition did not hold.")}),
    examples=({"input": {"message": "no stock", "condition": False}, "output": {"failed": False}},),
)


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return when the condition does not hold, else raise `PluginFailed` with the message."""
    if not holds(given.get("condition", True)):
        return {"failed": False}
    message = given.get("message") or "failed on purpose"
    told = {"failed": True, "message": message}
    raise PluginFailed(
        message, final=True, output=told | ({"code": given["code"]} if "code" in given else {})
    )
