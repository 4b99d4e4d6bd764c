"""`core.forEach`: tasks done once for each item; the engine does it, item by item."""

from typing import Final

from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import TASKS, anything, gives, items_of, of, takes

MANIFEST: Final = Manifest(
    id="core.forEach",
    name="For each",
    category="Core",
    description=(
        "Runs its tasks once for each item of a list or each entry of an object. "
        "Inside, item, index and key are the item's own."
    ),
    input=takes(
        {
            "items": of(["array", "object", "string"], "The items, or a template that gives them."),
            "tasks": {**TASKS, "minItems": 1, "description": "What is run for each item."},
            "concurrency": of(
                "integer", "How many items at once; 0: all.", default=1, minimum=0, maximum=1000
            ),
            "failFast": of("boolean", "Fail with the first item that fails.", default=False),
            "batchSize": of(
                "integer", "Above 1, an item is a list of so many.", default=1, minimum=1
            ),
        },
        required=("items", "tasks"),
    ),
    output=gives(
        {
            "results": items_of(anything("The outputs of an item's tasks."), "One for each item."),
            "count": of("integer", "How many items there were."),
            "failed": of("integer", "How many of them failed."),
        }
    ),
    is_control=True,
    examples=(
        {
            "input": {
                "items": ["a", "b"],
                "tasks": [
                    {"name": "say", "type": "util.log", "properties": {"message": "{{ item }}"}}
                ],
            },
            "output": {
                "results": [{"say": {"message": "a"}}, {"say": {"message": "b"}}],
                "count": 2,
                "failed": 0,
            },
        },
    ),
)
