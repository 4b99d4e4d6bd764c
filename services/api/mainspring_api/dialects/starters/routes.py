"""Every route of triggers and webhooks, with all that it answers."""

from typing import Final

from mainspring.http.contracts.answers import PAGE
from mainspring.http.contracts.plain import (
    AWAY,
    BODY,
    INVALID,
    KEYED,
    LIMITED,
    UNKNOWN,
    Answers,
    Refused,
    conflict,
)
from mainspring.http.operations import Operation, Query
from mainspring_api.dialects.starters import handlers, webhooks, wire

TAG: Final = "triggers"
TRIGGERS: Final = "/api/v1/triggers"
ONE: Final = "/api/v1/triggers/{id}"
NAMESPACE: Final = (
    Query("namespace", "The namespace; the header X-Project-Id does as well.", {"type": "string"}),
)
CONFIGS: Final = (wire.ScheduleConfig, wire.WebhookConfig, wire.FlowConfig)
_DECLARED: Final = conflict("It stands in the text of its flow, and is changed there.")
_HEADERS: Final = (
    Query("X-Signature-256", "`sha256=<hex>`: the HMAC of the body, when there is a secret."),
    Query("X-Hub-Signature-256", "The same, as some senders call it."),
    Query("X-Timestamp", "Unix seconds: then `<timestamp>.<body>` is signed."),
    Query("X-Delivery-Id", "The same one again starts no second execution."),
    Query("Idempotency-Key", "The same one again starts none either, and has the same body."),
)
_CALLED: Final[Answers] = {
    **INVALID,
    401: ("The signature or the timestamp does not hold.", Refused),
    404: ("No webhook has this address, or it is disabled.", Refused),
    405: ("The webhook is not called so.", Refused),
    409: ("The flow is disabled.", Refused),
    413: ("The body is too large.", Refused),
    422: ("The idempotency key was used for another body.", Refused),
    **LIMITED,
    **AWAY,
}
_DETAIL: Final = (
    "The body is JSON if it parses, else text. A webhook whose mode is `wait` answers when the "
    "execution has ended, or with 202 when that takes too long. The same delivery again answers "
    "the same, with `Idempotency-Replayed: true`."
)


def _called(method: str) -> Operation:
    return Operation(
        method,
        "/api/v1/webhook/{key}",
        webhooks.by_key,
        "Call a webhook",
        {
            200: ("The execution has ended.", wire.Done),
            202: ("The execution has begun.", wire.Delivered),
            204: ("The call does not meet the conditions: nothing is begun.", None),
            **_CALLED,
        },
        headers=_HEADERS,
        detail=_DETAIL,
        tag=TAG,
        name=f"callWebhookBy{method.title()}",
    )


def _hooked(method: str) -> Operation:
    return Operation(
        method,
        "/hooks/{path:path}",
        webhooks.by_path,
        "Call a workflow's webhook",
        {
            200: ("The execution has ended.", wire.HookDone),
            202: ("The execution has begun.", wire.Hooked),
            204: ("The call does not meet the conditions: nothing is begun.", None),
            **_CALLED,
        },
        query=(Query("project_id", "The project; the header X-Project-Id does as well."),),
        headers=_HEADERS,
        detail=_DETAIL,
        tag=TAG,
        name=f"callHookBy{method.title()}",
    )


OPERATIONS: Final = (
    Operation(
        "GET",
        TRIGGERS,
        handlers.get_all,
        "List triggers",
        {200: ("Triggers, newest first.", tuple[wire.Trigger, ...]), **INVALID, **AWAY},
        query=(
            Query("flowId", "Only those of a flow, by its id or its name."),
            Query("type", "Only schedules, webhooks, or followers (flow)."),
            Query("enabled", "Only those that are, or are not.", {"type": "boolean"}),
            *NAMESPACE,
            *PAGE,
        ),
        tag=TAG,
        name="listTriggers",
    ),
    Operation(
        "POST",
        TRIGGERS,
        handlers.create,
        "Make a trigger",
        {
            201: ("The trigger.", wire.Trigger),
            **INVALID,
            **conflict("The key of the webhook is taken."),
            **KEYED,
            **BODY,
            **AWAY,
        },
        body=wire.NewTrigger,
        query=NAMESPACE,
        example={
            "flowId": "my-workflow",
            "type": "schedule",
            "name": "nightly",
            "config": {"cron": "0 2 * * *", "timezone": "Europe/Berlin", "catchup": "last"},
        },
        idempotent=True,
        tag=TAG,
        mentions=CONFIGS,
        name="createTrigger",
    ),
    Operation(
        "GET",
        ONE,
        handlers.get,
        "Get a trigger",
        {200: ("The trigger.", wire.Trigger), **INVALID, **UNKNOWN, **AWAY},
        query=NAMESPACE,
        tag=TAG,
        name="getTrigger",
    ),
    Operation(
        "PUT",
        ONE,
        handlers.change,
        "Change a trigger",
        {
            200: ("The trigger.", wire.Trigger),
            **INVALID,
            **UNKNOWN,
            **_DECLARED,
            **BODY,
            **AWAY,
        },
        body=wire.ChangedTrigger,
        query=NAMESPACE,
        example={"enabled": False},
        tag=TAG,
        mentions=CONFIGS,
        name="changeTrigger",
    ),
    Operation(
        "DELETE",
        ONE,
        handlers.delete,
        "Delete a trigger",
        {204: ("It is gone.", None), **INVALID, **UNKNOWN, **_DECLARED, **AWAY},
        query=NAMESPACE,
        tag=TAG,
        name="deleteTrigger",
    ),
    Operation(
        "POST",
        ONE + "/pause",
        handlers.pause,
        "Pause a trigger",
        {200: ("The trigger.", wire.Trigger), **INVALID, **UNKNOWN, **KEYED, **AWAY},
        query=NAMESPACE,
        idempotent=True,
        tag=TAG,
        name="pauseTrigger",
    ),
    Operation(
        "POST",
        ONE + "/resume",
        handlers.resume,
        "Resume a trigger",
        {200: ("The trigger.", wire.Trigger), **INVALID, **UNKNOWN, **KEYED, **AWAY},
        query=NAMESPACE,
        idempotent=True,
        tag=TAG,
        name="resumeTrigger",
        detail="A schedule goes on with its next instant; what it missed is not made up for.",
    ),
    Operation(
        "POST",
        ONE + "/backfill",
        handlers.backfill,
        "Start the executions of past instants",
        {
            202: ("Every instant with its execution.", wire.Filled),
            **INVALID,
            **UNKNOWN,
            **conflict("It is no schedule."),
            **KEYED,
            **BODY,
            **AWAY,
        },
        body=wire.Backfill,
        query=NAMESPACE,
        example={"from": "2026-03-01T00:00:00Z", "to": "2026-03-07T00:00:00Z"},
        idempotent=True,
        tag=TAG,
        name="backfillTrigger",
        detail="At most 1,000. An instant whose execution is there already starts no other.",
    ),
    _called("POST"),
    _called("GET"),
    _called("PUT"),
    _hooked("POST"),
    _hooked("GET"),
    _hooked("PUT"),
)
