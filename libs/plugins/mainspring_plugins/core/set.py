"""`core.set`: values under names, for the tasks after it.

Outputs are not changed once they are there, so `set` changes nothing of another task: what it is
to build on is given to it as `base`.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import choice, closed, named, several

MOST_NESTED: Final = 200

MANIFEST: Final = Manifest(
    id="core.set",
    name="Set",
    category="Core",
    description=(
        "Gives values under names, put over a base where there is one. "
        "Mode replace takes each name's value whole, merge goes into objects."
    ),
    input=closed(
        {
            "values": named("The values by name."),
            "base": named("What the values are put over.", default={}),
            "mode": choice("How they are put over it.", "replace", "merge", default="replace"),
            "keepOnly": several("Leave out all names but these.", {"type": "string"}),
        },
        "values",
    ),
    output=named("The values by name."),
    examples=(
        {"input": {"values": {"region": "eu", "n": 3}}, "output": {"region": "eu", "n": 3}},
        {
            "input": {"values": {"a": {"y": 2}}, "base": {"a": {"x": 1}}, "mode": "merge"},
            "output": {"a": {"x": 1, "y": 2}},
        },
    ),
)


def merged(base: Json, over: Json, depth: int = 0) -> Json:
    """Return `over` put over `base`, objects name by name, all else as a whole."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    if depth == MOST_NESTED:
        raise bad("values", f"objects are nested deeper than {MOST_NESTED}")
    left, right = cast("dict[str, Any]", base), cast("dict[str, Any]", over)
    result = dict(left)
    for name, value in right.items():
        result[name] = merged(left[name], value, depth + 1) if name in left else value
    return result


def kept(values: dict[str, Json], names: Sequence[str] | None) -> dict[str, Json]:
    """Return the values of these names, in the order of the names; all when None."""
    return values if names is None else {name: values[name] for name in names if name in values}


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return the values by name."""
    base, values = given.get("base", {}), given["values"]
    together = merged(base, values) if given.get("mode") == "merge" else {**base, **values}
    return kept(together, given.get("keepOnly"))
