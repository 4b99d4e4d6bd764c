"""`util.log`: a line in the run's log."""

from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.schema import anything, choice, closed, gives
from mainspring_plugins.support.texts import written

MANIFEST: Final = Manifest(
    id="util.log",
    name="Log",
    category="Core",
    description="Writes a message to the execution's log. What is no text is written as JSON.",
    input=closed(
        {
            "message": anything("The message."),
            "level": choice(
                "How grave it is.", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", default="INFO"
            ),
        },
        "message",
    ),
    output=gives({"message": anything("The message as it was given.")}),
    examples=(
        {"input": {"message": "Hello world"}, "output": {"message": "Hello world"}},
        {
            "input": {"message": {"left": 3}, "level": "WARN"},
            "output": {"message": {"left": 3}},
        },
    ),
)


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Write the line and return the message."""
    context.log(written(given["message"]), given.get("level", "INFO"))
    return {"message": given["message"]}
