"""Valid definitions that use most of what each dialect has: what mutants are made from."""

from typing import Any, Final

from tests.unit.native.test_definition_anything import RICH as NATIVE
from tests.unit.sagas.test_compile_anything import RICH as SAGA

__all__ = ["BLOCKS", "CONFIGS", "DECLARED", "FLOW", "NATIVE", "SAGA", "WORKFLOW"]

Json = dict[str, Any]
_LOG: Final[Json] = {"message": "{{ item.sku }} of {{ inputs.url }}"}
_RETRY: Final[Json] = {
    "maxAttempts": 3,
    "delay": "1s",
    "backoff": "exponential",
    "factor": 2,
    "maxDelay": "1m",
    "jitter": True,
    "retryOn": ["5xx", 429, "timeout"],
}
FLOW: Final[Json] = {
    "name": "order",
    "description": "Takes an order",
    "labels": {"team": "shop"},
    "inputs": {
        "url": {"type": "string", "default": "http://a", "pattern": "http.*", "description": "d"},
        "limit": {"type": "integer", "default": 10, "min": 0, "max": 100, "enum": [10, 20]},
        "xs": {"type": "array", "default": [1, 2]},
    },
    "variables": {"stock": "https://stock.example", "deep": {"a": [1]}},
    "tasks": [
        {
            "name": "reserve",
            "type": "http.request",
            "properties": {
                "url": "{{ vars.stock }}/reserve",
                "method": "POST",
                "headers": {"X-A": "{{ execution.id }}"},
                "json": {"a": ["{{ inputs.url }}"], "b": "{{ trigger.body }}"},
            },
            "retry": _RETRY,
            "timeout": "30s",
        },
        {
            "name": "check",
            "type": "core.if",
            "dependsOn": ["reserve"],
            "properties": {
                "condition": "{{ outputs.reserve.body.total > inputs.limit }}",
                "then": [
                    {
                        "name": "release",
                        "type": "core.gate",
                        "properties": {
                            "message": "Release {{ inputs.url }}?",
                            "timeout": "24h",
                            "onTimeout": "reject",
                            "approvers": ["ann", "bob"],
                            "required": 2,
                        },
                    }
                ],
                "else": [{"name": "nap", "type": "core.sleep", "properties": {"duration": "5m"}}],
            },
        },
        {
            "name": "which",
            "type": "core.switch",
            "dependsOn": "check",
            "properties": {
                "value": "{{ inputs.limit }}",
                "cases": {
                    "10": [{"name": "ten", "type": "util.log", "properties": {"message": "10"}}],
                },
                "default": [{"name": "rest", "type": "util.log", "properties": {"message": "-"}}],
            },
        },
        {
            "name": "tell",
            "type": "util.log",
            "dependsOn": ["which"],
            "when": "{{ outputs.reserve.status == 200 and inputs.xs | length > 1 }}",
            "forEach": {"items": "{{ inputs.xs }}", "concurrency": 2, "failFast": False},
            "properties": _LOG,
            "continueOnError": True,
        },
        {
            "name": "both",
            "type": "core.parallel",
            "properties": {
                "concurrency": 2,
                "failFast": True,
                "branches": {
                    "l": [{"name": "p1", "type": "core.set", "properties": {"values": {"a": 1}}}],
                    "r": [{"name": "p2", "type": "core.subflow", "properties": {"flow": "other"}}],
                },
            },
        },
    ],
    "outputs": {"total": "{{ outputs.reserve.body.total }}", "n": 1},
    "concurrency": {"limit": 2, "behavior": "QUEUE"},
    "timeout": "1h",
    "retry": {"maxAttempts": 2},
    "onError": [
        {"name": "sorry", "type": "util.log", "properties": {"message": "{{ execution.error }}"}}
    ],
    "triggers": [
        {"type": "webhook", "key": "orders-9f2c", "secret": "s3cr3t", "window": "5m"},
        {"type": "schedule", "cron": "*/5 * * * *", "timezone": "Europe/Berlin", "catchup": "last"},
        {"type": "flow", "flow": "other", "statuses": ["SUCCESS"], "inputs": {"url": "http://b"}},
    ],
}
WORKFLOW: Final[Json] = {
    "name": "fetch-and-tell",
    "description": "Fetches",
    "inputs": {
        "url": {"type": "string", "default": "http://a", "description": "d"},
        "n": {"type": "number", "default": 2, "enum": [1, 2]},
    },
    "timeout": "1h30m",
    "max_parallel_executions": 2,
    "on_limit": "queue",
    "triggers": [
        {"type": "cron", "schedule": "0 9 * * *", "timezone": "UTC", "inputs": {"url": "x"}},
        {"type": "webhook", "path": "news", "secret": "s3cr3t"},
    ],
    "steps": [
        {
            "name": "fetch",
            "action": "http/request",
            "params": {
                "method": "POST",
                "url": "{{ inputs.url }}",
                "headers": {"X-A": "{{ execution.id }}"},
                "body": {"n": ["{{ inputs.n }}"]},
            },
            "timeout": "30s",
            "retry": {"max_attempts": 3, "backoff": "exponential", "delay": "1s"},
        },
        {
            "name": "say-it",
            "action": "util.log",
            "if": "steps.fetch.output.status == 200 && inputs.n > 1",
            "depends_on": ["fetch"],
            "params": {"message": "{{ steps.fetch.output.json.title }}"},
        },
        {"name": "nap", "action": "core.sleep", "params": {"duration": "5s"}},
        {
            "name": "ask",
            "action": "core.gate",
            "params": {"message": "go on?", "approvers": ["ann"], "timeout": "1h"},
        },
        {
            "name": "child",
            "action": "workflow/run",
            "params": {"workflow": "other", "inputs": {"a": "{{ inputs.url }}"}, "version": 2},
            "continue_on_error": True,
        },
    ],
    "hooks": {
        "on_failure": [
            {
                "name": "tell",
                "action": "util.log",
                "params": {"message": "{{ execution.failed_step }}: {{ execution.error }}"},
            }
        ],
        "on_finish": [{"name": "end", "action": "util.log", "params": {"message": "over"}}],
    },
}
BLOCKS: Final = """\
# a comment
name: "order"
inputs: {url: {type: string, default: 'http://a'}}
variables: &vars
  text: |
    two
    lines
  folded: >-
    one
    line
tasks:
- name: a
  type: util.log
  properties: &said {message: "{{ inputs.url }}"}
- name: b
  type: util.log
  properties: *said
"""
DECLARED: Final[Json] = FLOW["inputs"]
CONFIGS: Final[dict[str, Json]] = {
    "schedule": {
        "cron": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "catchup": "all",
        "jitter": "1m",
        "maxLate": 3600,
    },
    "webhook": {
        "key": "orders-9f2c",
        "methods": ["POST"],
        "secret": "s3cr3t",
        "window": "5m",
        "maxBytes": 1000,
        "mode": "wait",
        "waitSeconds": 5,
    },
    "flow": {"flowId": "other", "statuses": ["SUCCESS", "FAILED"]},
}
