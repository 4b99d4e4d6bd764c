"""`core.if`: tells which of two branches is taken; the engine runs the branch's tasks."""

from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.schema import TASKS, anything, gives, of, one_of, takes
from mainspring_plugins.support.truths import holds

MANIFEST: Final = Manifest(
    id="core.if",
    name="If",
    category="Core",
    description=(
        "Runs the tasks under then when the condition holds, else those under else. "
        'False are false, null, 0, empty things, and the texts "false", "0", "no" and "off".'
    ),
    input=takes(
        {
            "condition": anything("The condition, most often a template."),
            "then": {**TASKS, "description": "The tasks to run when it holds."},
            "else": {**TASKS, "description": "The tasks to run when it does not."},
        },
        required=("condition",),
    ),
    output=gives(
        {
            "result": of("boolean", "Whether the condition held."),
            "branch": one_of(("then", "else"), "The branch that is taken."),
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
