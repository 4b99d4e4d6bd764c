"""`core.parallel`: branches side by side; the engine runs their tasks and gathers what they gave.

The tasks of the branches are tasks of the flow itself; this one ends when all of them have.
"""

from typing import Final

from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import anything, closed, flag, named, tasks, whole

MANIFEST: Final = Manifest(
    id="core.parallel",
    name="Parallel",
    category="Core",
    description=(
        "Runs the tasks of several branches at the same time, each branch in its own order. "
        "They are tasks of the flow itself, each with its own output; it ends when they have."
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
    output=named(
        "By the name of each branch: the output of its only task (null when that was skipped), or "
        "of several tasks those that succeeded, by name; null for a branch that failed.",
        anything("What the branch came to."),
    ),
    is_control=True,
    examples=(
        {
            "input": {
                "branches": {
                    "left": [{"name": "l", "type": "util.log", "properties": {"message": "l"}}],
                    "right": [{"name": "r", "type": "util.log", "properties": {"message": "r"}}],
                }
            },
            "output": {"left": {"message": "l"}, "right": {"message": "r"}},
        },
    ),
)
