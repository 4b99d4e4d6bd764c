"""What people ask of flows, of workflows of YAML and of triggers, and what each may be answered.

An answer that is not listed is a fault of ours, whatever it says; 503 may always be answered while
something is away.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from mainspring.domain.message import Json
from mainspring.testing.simulation.client import Asked
from mainspring.testing.simulation.flows.script import Flow

FLOWS: Final = "/api/v1/flows"
WORKFLOWS: Final = "/api/v1/workflows"
EXECUTIONS: Final = "/api/v1/executions"
TRIGGERS: Final = "/api/v1/triggers"
APPROVALS: Final = "/api/v1/approvals"


class Wish(NamedTuple):
    """A request; `headers` are its own."""

    verb: str
    path: str
    body: Json = None
    headers: dict[str, str] = {}


def store(flow: Flow) -> Wish:
    """Store a flow, or apply a workflow."""
    if flow.dialect == "runs":
        return Wish("PUT", f"{WORKFLOWS}/{flow.name}", {"content": flow.text})
    return Wish("POST", FLOWS, {"yamlContent": flow.text})


def change(flow: Flow, id: str, text: str) -> Wish:
    """Store another version."""
    if flow.dialect == "runs":
        return Wish("PUT", f"{WORKFLOWS}/{flow.name}", {"content": text})
    return Wish("PUT", f"{FLOWS}/{id}", {"yamlContent": text})


def restore(id: str) -> Wish:
    """Make the first revision of a flow the newest one."""
    return Wish("POST", f"{FLOWS}/{id}/revisions/1/restore")


def execute(flow: Flow, id: str, inputs: Json) -> Wish:
    """Begin an execution."""
    if flow.dialect == "runs":
        return Wish("POST", f"/api/v1/run/{flow.name}", {"inputs": inputs})
    return Wish("POST", f"{FLOWS}/{id}/execute", {"inputs": inputs})


def delete(flow: Flow, id: str) -> Wish:
    """Delete a flow or a workflow, and what starts it."""
    if flow.dialect == "runs":
        return Wish("DELETE", f"{WORKFLOWS}/{flow.name}")
    return Wish("DELETE", f"{FLOWS}/{id}")


def of_execution(id: str, act: str) -> Wish:
    """Cancel, pause, resume or retry an execution."""
    return Wish("POST", f"{EXECUTIONS}/{id}/{act}")


def trigger(flow: str, type: str, config: Json, inputs: Json) -> Wish:
    """Make a trigger."""
    sent = {"flowId": flow, "type": type, "config": config, "inputs": inputs}
    return Wish("POST", TRIGGERS, sent)


def of_trigger(id: str, act: str) -> Wish:
    """Pause or resume a trigger."""
    return Wish("POST", f"{TRIGGERS}/{id}/{act}")


def backfill(id: str, since: str, until: str) -> Wish:
    """Make up for the instants of a span."""
    return Wish("POST", f"{TRIGGERS}/{id}/backfill", {"from": since, "to": until})


def remove(id: str) -> Wish:
    """Take a trigger away."""
    return Wish("DELETE", f"{TRIGGERS}/{id}")


def decide(id: str, act: str, who: str) -> Wish:
    """Approve or reject what a gate asks."""
    return Wish("POST", f"{APPROVALS}/{id}/{act}", {"comment": "so be it"}, {"x-actor-id": who})


def of_step(execution: str, ref: str, act: str, body: Json = None, who: str = "") -> Wish:
    """Decide on a step, settle it by force, or run it again, in words that all dialects share."""
    path = f"/v1/workflow-runs/{execution}/steps/{quote(ref, safe='')}/{act}"
    return Wish("POST", path, body, {"x-actor-id": who} if who else {})


_ANSWERS: Final[tuple[tuple[str, str, frozenset[int]], ...]] = (
    ("POST", "/v1/workflow-runs", frozenset({200, 403, 404, 409})),
    ("POST", "/execute", frozenset({202, 404, 409})),
    ("POST", "/api/v1/run/", frozenset({202, 404, 409, 429})),
    ("POST", "/restore", frozenset({200, 404, 409})),
    ("POST", FLOWS, frozenset({201, 409})),
    ("PUT", FLOWS, frozenset({200, 404, 409})),
    ("PUT", WORKFLOWS, frozenset({200, 201, 409})),
    ("DELETE", "/api/v1/", frozenset({204, 404, 409})),
    ("POST", "/retry", frozenset({202, 404, 409})),
    ("POST", EXECUTIONS, frozenset({200, 404, 409})),
    ("POST", "/backfill", frozenset({200, 202, 404, 409})),
    ("POST", f"{TRIGGERS}/", frozenset({200, 404, 409})),
    # Its flow may be gone.
    ("POST", TRIGGERS, frozenset({201, 400, 409})),
    ("POST", "/api/v1/webhook/", frozenset({200, 202, 204, 404, 409})),
    ("POST", "/hooks/", frozenset({200, 202, 404, 409})),
    ("POST", APPROVALS, frozenset({200, 403, 404, 409})),
    ("GET", "/api/v1/", frozenset({200, 404})),
)


def unexpected(asked: Sequence[Asked]) -> Iterator[str]:
    """Yield the answers that no such request may get."""
    for one in asked:
        if not one.status or one.status == 503:
            continue
        allowed = next(
            (allowed for verb, part, allowed in _ANSWERS if verb == one.verb and part in one.path),
            frozenset({200}),
        )
        if one.status not in allowed:
            yield f"{one.verb} {one.path} answered {one.status}: {one.answer!r}"
