"""Every route of the sagas dialect, with all that it answers."""

from typing import Any, Final

from mainspring.http.operations import Operation, Query
from mainspring_api.dialects.sagas import callbacks, definitions, explain, reads, runs, wire
from mainspring_api.dialects.sagas.examples import HELLO_WORLD, STORED_RUN

_INVALID: Final = {400: ("What was sent has faults: all of them.", wire.Refusal)}
_UNKNOWN: Final = {404: ("There is no such thing in this project.", wire.Refusal)}
_KEY: Final = {422: ("The idempotency key was used for another request.", wire.Refusal)}
_JSON: Final = {
    413: ("The body is too large.", wire.Refusal),
    415: ("The body is not JSON.", wire.Refusal),
}
_STEPS: Final = tuple[wire.StepResult, ...]
_CALLS: Final = tuple[wire.StepCall, ...]
_AWAY: Final = {503: ("Too much is asked, or the log is away; try again.", wire.Refusal)}
_LIMITED: Final = {429: ("A limit is reached, which is named; try again.", wire.Refusal)}
_NUMBER: Final[dict[str, Any]] = {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}
_PAGE: Final = (
    Query("limit", "How many, from 1 to 500.", _NUMBER),
    Query("cursor", "Where to go on: the `X-Next-Cursor` of the page before."),
)


def _conflict(text: str) -> dict[int, tuple[str, Any]]:
    return {409: (text, wire.Refusal)}


OPERATIONS: Final = (
    Operation(
        "POST",
        "/sagas/definitions",
        definitions.create,
        "Create definition",
        {
            201: ("The stored definition.", wire.StoredDefinition),
            **_INVALID,
            **_conflict("The name and version are taken, for ever."),
            **_JSON,
            **_KEY,
            **_AWAY,
        },
        body=wire.SagaDefinition,
        mentions=wire.FORMS,
        example=HELLO_WORLD["definition"],
        idempotent=True,
    ),
    Operation(
        "GET",
        "/sagas/definitions",
        definitions.get_all,
        "List definitions",
        {200: ("Definitions, newest first.", tuple[wire.StoredDefinition, ...]), **_INVALID},
        query=_PAGE,
    ),
    Operation(
        "GET",
        "/sagas/definitions/{id}",
        definitions.get,
        "Get definition",
        {200: ("The definition.", wire.StoredDefinition), **_UNKNOWN},
    ),
    Operation(
        "PUT",
        "/sagas/definitions/{id}",
        definitions.insert,
        "Insert definition by id",
        {
            201: ("The stored definition.", wire.StoredDefinition),
            **_INVALID,
            **_conflict("The id, or the name and version, is taken."),
            **_JSON,
            **_KEY,
            **_AWAY,
        },
        body=wire.SagaDefinition,
        mentions=wire.FORMS,
        example=HELLO_WORLD["definition"],
        idempotent=True,
    ),
    Operation(
        "DELETE",
        "/sagas/definitions/{id}",
        definitions.delete,
        "Delete definition",
        {204: ("It is deleted; runs in flight go on.", None), **_UNKNOWN},
    ),
    Operation(
        "GET",
        "/sagas/definitions/{name}/{version}",
        definitions.get_by_name,
        "Get definition by name and version",
        {200: ("The definition.", wire.StoredDefinition), **_UNKNOWN},
    ),
    Operation(
        "POST",
        "/sagas/definitions/{name}/{version}/run",
        runs.run_stored,
        "Run stored definition",
        {
            202: ("The run is durable and will be carried out.", wire.Started),
            **_INVALID,
            **_UNKNOWN,
            **_conflict("A request with this idempotency key is being served."),
            **_JSON,
            **_KEY,
            **_LIMITED,
            **_AWAY,
        },
        body=wire.StoredRun,
        example=STORED_RUN,
        idempotent=True,
    ),
    Operation(
        "POST",
        "/sagas/run",
        runs.run_inline,
        "Run inline definition",
        {
            202: ("The run is durable and will be carried out.", wire.Started),
            **_INVALID,
            **_conflict("A request with this idempotency key is being served."),
            **_JSON,
            **_KEY,
            **_LIMITED,
            **_AWAY,
        },
        body=wire.InlineRun,
        mentions=wire.FORMS,
        example=HELLO_WORLD,
        idempotent=True,
    ),
    Operation(
        "GET",
        "/sagas",
        reads.list_sagas,
        "List executions",
        {200: ("Executions, newest first.", tuple[wire.SagaSummary, ...]), **_INVALID},
        query=(
            Query("status", "One status, or several with commas between them."),
            Query("name", "The definition's name."),
            *_PAGE,
        ),
    ),
    Operation(
        "GET",
        "/sagas/{id}",
        reads.get_saga,
        "Get execution status",
        {200: ("The execution.", wire.Saga), **_INVALID, **_UNKNOWN},
        query=(Query("as_of", "A position of the log or an instant: the state as it was then."),),
    ),
    Operation(
        "GET",
        "/sagas/{id}/steps",
        reads.get_steps,
        "List what the steps came to",
        {
            200: ("A row for each try and each callback, oldest first.", _STEPS),
            **_INVALID,
            **_UNKNOWN,
        },
        query=_PAGE,
    ),
    Operation(
        "GET",
        "/sagas/{id}/steps/calls",
        reads.get_calls,
        "List every HTTP try",
        {200: ("A row for each try, oldest first.", _CALLS), **_INVALID, **_UNKNOWN},
        query=_PAGE,
    ),
    Operation(
        "GET",
        "/sagas/{id}/explain",
        explain.get,
        "Explain why an execution is where it is",
        {
            200: ("What it waits for, and each node that has not ended.", wire.SagaExplanation),
            **_INVALID,
            **_UNKNOWN,
            **_AWAY,
        },
        query=(Query("as_of", "A position of the log or an instant: why it was so then."),),
        name="explainSaga",
    ),
    Operation(
        "POST",
        "/sagas/{id}/retry",
        runs.retry,
        "Retry failed execution",
        {
            202: ("It goes on where it failed.", wire.Asked),
            **_UNKNOWN,
            **_conflict("It is neither FAILED nor CORRUPTED."),
            **_KEY,
            **_AWAY,
        },
        idempotent=True,
        detail="FAILED resumes at the failed node with all earlier results; CORRUPTED retries the "
        "compensations that failed.",
    ),
    Operation(
        "POST",
        "/sagas/{id}/wake",
        runs.wake,
        "Wake a sleeping execution early",
        {
            202: ("It wakes up.", None),
            200: ("Another wake has woken it already.", None),
            **_UNKNOWN,
            **_conflict("It is not sleeping."),
            **_KEY,
            **_AWAY,
        },
        idempotent=True,
    ),
    Operation(
        "POST",
        "/sagas/{id}/cancel",
        runs.cancel,
        "Cancel an execution",
        {
            202: ("It is stopped, what it has done is undone, then it is CANCELED.", wire.Asked),
            **_UNKNOWN,
            **_conflict("It has ended, or is being compensated after a failure."),
            **_KEY,
            **_AWAY,
        },
        idempotent=True,
    ),
    Operation(
        "POST",
        "/sagas/{id}/node/{nodeId}/callback",
        callbacks.callback,
        "Deliver async callback to a waiting node",
        {
            202: ("The answer is recorded.", None),
            400: ("There is no token.", wire.Refusal),
            401: ("The token's signature does not hold, or it is for another node.", wire.Refusal),
            **_UNKNOWN,
            **_conflict("It was answered already, or the token is of an older attempt."),
            410: ("The token has expired.", wire.Refusal),
            413: ("The body is too large.", wire.Refusal),
            **_KEY,
            **_AWAY,
        },
        body=Any,
        headers=(Query(callbacks.HEADER, "The token that the call to the service carried."),),
        idempotent=True,
        detail="The body is JSON or any text; conditions see it as `callback.body`.",
    ),
)
