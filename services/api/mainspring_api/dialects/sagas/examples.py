"""The examples of the page that this dialect follows."""

from typing import Any, Final

HELLO_WORLD: Final[dict[str, Any]] = {
    "definition": {
        "name": "inline",
        "version": "v1",
        "failureHandling": {"type": "retry", "maxAttempts": 1, "delayMillis": 200},
        "entrypoint": "notify",
        "nodes": [
            {
                "kind": "task",
                "id": "notify",
                "action": {
                    "mode": "sync",
                    "request": {"url": "http://service/run", "verb": "POST"},
                },
            }
        ],
    },
    "payload": {"orderId": "123"},
}
STORED_RUN: Final[dict[str, Any]] = {"payload": {"orderId": "123"}}
