"""`core.if`: tells which of two branches is taken; the engine runs the branch's tasks."""

from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.schema import anything, choice, closed, flag, gives, tasks
from mainspring_plugins.support.truths import holds

MANIFEST: Final = Manifest(
    id="core.if",
    name="If",
    category="Core",
    description=(
        "Runs the tasks under then when the condition holds, else those under else. "
        'False are false, null, 0, empty things, and the texts "false", "0", "no" and "off".'
    ),
    input=closed(
        {
            "condition": anything("The condition, most often a template."),
            "then": tasks("The tasks to run when it holds."),
            "else": tasks("The tasks to run when it does not."),
        },
        "condition",
    ),
    output=gives(
        {
            "result": flag("Whether the condition held."),
            "branch": choice("The branch that is taken.", "then", "else"),
        }
    ),
    examples=(
        {"input": {"condition": 3}, "output": {"result": True, "branch": "then"}},
        {"input": {"condition": "no"}, "output": {"result": False, "branch": "else"}},
    ),
)


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return whether the condition holds and the branch that follows from it."""
    result = holds(given["condition"])
    return {"result": result, "branch": "then" if result else "else"}
