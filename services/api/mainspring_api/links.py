"""Where an answer names a thing, what may be asked about it: the links of the OpenAPI document.

A source says in which answer the name stands, and a target where it goes: all paths that begin with
it and take that one parameter.  So a new route of a run is linked to all that begin runs, and no
list of links is written by hand.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from mainspring.http.operations import Operation

_RUNS: Final = "/v1/workflow-runs/{id}"
_SAGAS: Final = "/sagas/{id}"
_EXECUTIONS: Final = "/api/v1/executions/{id}"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")


class Source(NamedTuple):
    """An answer that names a thing, and where in it; `targets` are the paths that take the name."""

    method: str
    path: str
    status: int
    name: str
    targets: tuple[str, ...]


SOURCES: Final = (
    Source("POST", "/sagas/run", 202, "id", (_SAGAS,)),
    Source("POST", "/sagas/definitions/{name}/{version}/run", 202, "id", (_SAGAS,)),
    Source("POST", "/sagas/definitions", 201, "id", ("/sagas/definitions/{id}",)),
    Source("PUT", "/sagas/definitions/{id}", 201, "id", ("/sagas/definitions/{id}",)),
    Source("POST", "/v1/workflows", 201, "id", ("/v1/workflows/{id}",)),
    Source("POST", "/v1/workflows/{id}/trigger", 202, "id", (_RUNS,)),
    Source("POST", f"{_RUNS}/retry", 201, "id", (_RUNS,)),
    Source("POST", "/api/v1/flows", 201, "id", ("/api/v1/flows/{id}",)),
    Source("POST", "/api/v1/flows/{id}/execute", 202, "executionId", (_EXECUTIONS,)),
    Source("POST", f"{_EXECUTIONS}/retry", 202, "executionId", (_EXECUTIONS,)),
    Source(
        "PUT",
        "/api/v1/workflows/{name}",
        201,
        "name",
        ("/api/v1/workflows/{name}", "/api/v1/run/{workflow}"),
    ),
    Source(
        "POST",
        "/api/v1/run/{workflow}",
        202,
        "execution_id",
        (_EXECUTIONS, "/api/v1/cancel/{execution}", "/api/v1/retry/{execution}"),
    ),
    Source("POST", "/api/v1/triggers", 201, "id", ("/api/v1/triggers/{id}",)),
)

Json = dict[str, Any]
Naming = Callable[[Operation], str]


def links(operations: Iterable[Operation], name: Naming) -> Mapping[tuple[str, str, int], Json]:
    """Return the links of each answer that has some, by method, path and status.

    `name` gives an operation's id.  What takes other parameters as well is not linked: nobody could
    follow the link with what it gives.
    """
    all_of_them = list(operations)
    return {
        (source.method, source.path, source.status): {
            name(target): {
                "operationId": name(target),
                "parameters": {parameter: f"$response.body#/{source.name}"},
            }
            for target in all_of_them
            if (parameter := _taken(source, target)) is not None
        }
        for source in SOURCES
    }


def _taken(source: Source, target: Operation) -> str | None:
    """Return the parameter of an operation that takes the name, None when it takes it not alone."""
    parameters = _PARAMETER.findall(target.path)
    begins = any(
        target.path == path or target.path.startswith(f"{path}/") for path in source.targets
    )
    return parameters[0] if begins and len(parameters) == 1 else None
