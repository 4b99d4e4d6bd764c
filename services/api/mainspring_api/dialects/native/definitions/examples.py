"""The examples of the document: an order that is reserved, paid, and shipped when it may be."""

from typing import Any, Final

ORDER: Final[dict[str, Any]] = {
    "name": "Order",
    "slug": "order",
    "tags": {"team": "shop"},
    "steps": [
        {
            "step_ref": "reserve",
            "step_type": "http",
            "request": {
                "url": "http://service/stock",
                "verb": "POST",
                "body": {"sku": "{{payload.sku}}"},
            },
            "compensation": {"url": "http://service/stock/{{run.id}}", "verb": "DELETE"},
        },
        {
            "step_ref": "paid",
            "step_type": "wait_for_event",
            "event_key": "paid:{{run.id}}",
            "event_timeout_secs": 86400,
            "depends_on": ["reserve"],
        },
        {
            "step_ref": "release",
            "step_type": "approval",
            "approval_approvers": ["alice"],
            "depends_on": ["paid"],
            "condition": {"type": "gt", "left": {"output": "paid.amount"}, "right": 1000},
        },
        {
            "step_ref": "ship",
            "step_type": "http",
            "request": {"url": "http://service/ship", "body": {"paid": "{{steps.paid.output}}"}},
            "depends_on": ["release"],
            "retry_max_attempts": 3,
        },
    ],
}
TRIGGER: Final[dict[str, Any]] = {"payload": {"sku": "a-1"}, "tags": {"channel": "web"}}
