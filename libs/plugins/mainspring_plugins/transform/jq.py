"""Runs a jq filter over the data, in a helper process: a filter may be endless.

A filter reads its data and nothing else: the process's environment and jq's modules are hidden from
it (`env`, `$ENV`, `import`, `modulemeta`), and the number of results is bounded.
"""

from typing import Any, Final, cast

import jq

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse, too_large
from mainspring_plugins.support.schema import anything, closed, gives, several, text
from mainspring_plugins.support.working import apart

MANIFEST = Manifest(
    id="transform.jq",
    name="jq",
    category="Transforms",
    description="Runs a jq filter over the data and returns all its results.",
    input=closed(
        {
            "filter": text("The filter, in the language of jq 1.7.", minLength=1),
            "data": anything("The value that the filter is given."),
            "timeout": {
                "type": "number",
                "description": "Seconds that the filter may take.",
                "exclusiveMinimum": 0,
                "maximum": 60,
                "default": 10,
            },
        },
        "filter",
        "data",
    ),
    output=gives({"results": several("All results in order.")}),
    examples=(
        {
            "input": {"filter": ".items[] | .price * 2", "data": {"items": [{"price": 3}]}},
            "output": {"results": [6]},
        },
        {"input": {"filter": "map(select(. > 1))", "data": [1, 2]}, "output": {"results": [[2]]}},
    ),
)
MOST_RESULTS: Final = 100_000
# Inside these brackets `import` is a fault of syntax, and the names below are the empty ones.
SEALED: Final = (
    'def env: {}; def modulemeta: error("no modules here"); def get_search_list: [];'
    " {} as $ENV | (\n%s\n)"
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the results; raise `PluginFailed` with jq's own words."""
    found: list[Json] = []
    try:
        # The package has no types.
        program = cast("Any", jq).compile(SEALED % given["filter"])
        for result in program.input_value(given["data"]):
            found.append(result)
            if len(found) > MOST_RESULTS:
                raise too_large(f"the filter gave more than {MOST_RESULTS} results")
    except ValueError as error:
        raise refuse(f"filter: {_said(str(error))}") from None
    return {"results": found}


def _said(message: str) -> str:
    """Return jq's first line, its place counted in the filter as it was written."""
    first = message.strip().splitlines()[0] if message.strip() else "failed"
    head, mark, tail = first.removeprefix("jq: error: ").partition(" at <top-level>, line ")
    number, comma, rest = tail.partition(",")
    if not mark or not number.isdigit():
        return first[:500]
    return f"line {int(number) - 1}{comma}{rest.rstrip(':')}: {head}"[:500]


run = apart(work)
