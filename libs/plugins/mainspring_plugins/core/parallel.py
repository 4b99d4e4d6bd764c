"""`core.parallel`: branches side by side; the engine runs the tasks of all of them.

The branches become tasks of the flow itself, so what is left of this one gives nothing.
"""

from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.schema import closed, flag, named, tasks, whole

MANIFEST: Final = Manifest(
    id="core.parallel",
    name="Parallel",
    category="Core",
    description=(
        "Runs the tasks of several branches at the same time, each branch in its own order. "
        "They are tasks of the flow itself, so each has its own output, under its own name."
    ),
    input=closed(
        {
            "branches": named(
                "The tasks of each branch, by its name.", tasks("Its tasks."), minProperties=1
            ),
            "concurrency": whole("How many branches at once; 0 is all.", default=0, minimum=0),
            "failFast": flag("Fail with the first branch that fails.", default=False),
        },
        "branches",
    ),
    output=named("Nothing: the branches begin when it has ended."),
    is_control=True,
    examples=(
        {
            "input": {
                "branches": {
                    "left": [{"name": "l", "type": "util.log", "properties": {"message": "l"}}],
                    "right": [{"name": "r", "type": "util.log", "properties": {"message": "r"}}],
                }
            },
            "output": {},
        },
    ),
)


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return nothing: where a dialect keeps the task itself, its branches hang on its end."""
    return {}
