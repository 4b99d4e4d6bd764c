"""`core.forEach`: tasks done once for each item; the engine does it, item by item."""

from typing import Final

from mainspring.plugin import Manifest
from mainspring_plugins.support.schema import (
    anything,
    closed,
    flag,
    gives,
    of,
    several,
    tasks,
    whole,
)

MANIFEST: Final = Manifest(
    id="core.forEach",
    name="For each",
    category="Core",
    description=(
        "Runs its tasks once for each item of a list or each entry of an object. "
        "Inside, item and index are the item's own; of an object an item is {key, value}. "
        "A result is the output of the item's task or, of several tasks, their outputs by name."
    ),
    input=closed(
        {
            "items": of(["array", "object", "string"], "The items, or a template that gives them."),
            "tasks": tasks("What is run for each item.", minItems=1),
            "concurrency": whole(
                "How many items at once; 0 is all.", default=1, minimum=0, maximum=1000
            ),
            "failFast": flag("Fail with the first item that fails.", default=False),
            "batchSize": whole("Above 1, an item is a list of so many.", default=1, minimum=1),
        },
        "items",
        "tasks",
    ),
    output=gives(
        {
            "results": several("One for each item.", anything("What the item's tasks gave.")),
            "count": whole("How many items there were."),
            "failed": whole("How many of them failed."),
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
                "results": [{"message": "a"}, {"message": "b"}],
                "count": 2,
                "failed": 0,
            },
        },
        {
            "input": {
                "items": {"eu": 2},
                "tasks": [
                    {"name": "to", "type": "util.log", "properties": {"message": "{{ key }}"}},
                    {
                        "name": "n",
                        "type": "core.set",
                        "properties": {"values": {"n": "{{ item.value }}"}},
                    },
                ],
                "concurrency": 0,
            },
            "output": {
                "results": [{"to": {"message": "eu"}, "n": {"n": 2}}],
                "count": 1,
                "failed": 0,
            },
        },
    ),
)
