"""Every route that tells of a run, with all that it answers."""

from typing import Any, Final

from mainspring.http.contracts.answers import AS_OF, AWAY, INVALID, PROJECT, UNKNOWN
from mainspring.http.operations import Handler, Operation, Query
from mainspring_api.dialects.native.insight import handlers, wire
from mainspring_api.dialects.native.runs.routes import RUN

TAG: Final = "insight"


def _get(
    name: str,
    handler: Handler,
    summary: str,
    answer: tuple[str, Any],
    *query: Query,
    also: tuple[str, ...] = (),
) -> Operation:
    return Operation(
        "GET",
        f"{RUN}/{name}",
        handler,
        summary,
        {200: answer, **INVALID, **UNKNOWN, **AWAY},
        query=(PROJECT, *query),
        detail="Of a run of whichever dialect.",
        tag=TAG,
        also=also,
    )


OPERATIONS: Final = (
    _get(
        "events",
        handlers.events,
        "Get the history of a run",
        ("Its events, oldest first.", tuple[wire.HistoryEvent, ...]),
        Query(
            "limit",
            "How many, from 1 to 500.",
            {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
        ),
        Query(
            "after",
            "A position of the log: what follows it.  The `X-Next-Cursor` of a page is one.",
            {"type": "integer", "minimum": 0},
        ),
    ),
    _get(
        "graph",
        handlers.graph,
        "Get a run as a graph",
        ("Its steps and the ways between them.", wire.Graph),
        AS_OF,
        Query(
            "format",
            "`mermaid`: a drawing, as `text/vnd.mermaid`.  `Accept` can ask for it as well.",
            {"type": "string", "enum": list(handlers.FORMATS), "default": "json"},
        ),
        also=(handlers.MERMAID,),
    ),
    _get(
        "timeline",
        handlers.timeline,
        "Get the timeline of a run",
        ("Every attempt of every step, in the order in which it was owed.", wire.Timeline),
    ),
    _get(
        "explain",
        handlers.explanation,
        "Explain why a run is where it is",
        ("What it waits for, and each of its steps that has not ended.", wire.Explanation),
        AS_OF,
    ),
)
