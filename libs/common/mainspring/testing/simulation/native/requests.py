"""What people ask of the native dialect, and which answers each request may get.

An answer that is not listed is a fault of ours, whatever it says; 503 may always be answered while
something is away.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from mainspring.domain.message import Json
from mainspring.testing.simulation.client import Asked

RUNS: Final = "/v1/workflow-runs"


class Wish(NamedTuple):
    """A request; `who` is whom it is made as."""

    verb: str
    path: str
    body: Json = None
    who: str = ""


def define(source: Json) -> Wish:
    """Store a workflow."""
    return Wish("POST", "/v1/workflows", source)


def trigger(slug: str, payload: Json) -> Wish:
    """Start a run."""
    return Wish("POST", f"/v1/workflows/{slug}/trigger", {"payload": payload})


def change(slug: str, text: str) -> Wish:
    """Store a workflow's next version."""
    return Wish("PATCH", f"/v1/workflows/{slug}", {"description": text})


def purge() -> Wish:
    """Forget triggers that ended a day ago: in a history there are none."""
    return Wish("POST", "/v1/events/purge", {"older_than_days": 1})


def send(key: str, payload: Json, *, kept_for: int = 0) -> Wish:
    """Send an event, to be kept for so many seconds if nobody waits."""
    body = {"payload": payload} | ({"buffer_secs": kept_for} if kept_for else {})
    return Wish("POST", f"/v1/events/{quote(key, safe='')}/send", body)


def send_prefix(prefix: str, payload: Json) -> Wish:
    """Send an event to all that wait with a prefix."""
    path = f"/v1/events/prefix/{quote(prefix, safe='')}/send"
    return Wish("POST", path, {"payload": payload})


def cancel_trigger(key: str) -> Wish:
    """Give a wait up."""
    return Wish("DELETE", f"/v1/events/{quote(key, safe='')}")


def of_run(id: str, act: str) -> Wish:
    """Pause, resume or retry a run."""
    return Wish("POST", f"{RUNS}/{id}/{act}")


def cancel(id: str) -> Wish:
    """Cancel a run."""
    return Wish("DELETE", f"{RUNS}/{id}")


def of_step(id: str, ref: str, act: str, body: Json = None, who: str = "") -> Wish:
    """Decide on a step, settle it by force, or run it again."""
    return Wish("POST", f"{RUNS}/{id}/steps/{quote(ref)}/{act}", body, who)


def bulk(act: str, ids: Sequence[str]) -> Wish:
    """Cancel or replay several runs."""
    return Wish("POST", f"{RUNS}/{act}", {"workflow_run_ids": list(ids)})


_ANSWERS: Final[tuple[tuple[str, str, frozenset[int]], ...]] = (
    ("POST", "/trigger", frozenset({202, 404, 409})),
    ("POST", "/v1/workflows", frozenset({201, 409})),
    ("PATCH", "/v1/workflows", frozenset({200, 404, 409})),
    ("POST", "/v1/events/purge", frozenset({200})),
    ("POST", "/v1/events/prefix/", frozenset({200})),
    ("POST", "/v1/events/", frozenset({200, 202, 404, 409})),
    ("DELETE", "/v1/events/", frozenset({200, 404, 409})),
    ("DELETE", RUNS, frozenset({204, 404, 409})),
    ("POST", "/bulk-", frozenset({200})),
    ("POST", "/approve", frozenset({200, 403, 404, 409})),
    ("POST", "/reject", frozenset({200, 403, 404, 409})),
    ("POST", "/steps/", frozenset({200, 404, 409})),
    ("POST", "/retry", frozenset({201, 404, 409})),
    ("POST", RUNS, frozenset({200, 404, 409})),
    ("GET", "/v1/", frozenset({200, 404})),
)


def unexpected(asked: Sequence[Asked]) -> Iterator[str]:
    """Yield the answers that no such request may get."""
    for one in asked:
        if one.status and one.status != 503 and one.path.startswith("/v1/"):
            allowed = next(
                allowed for verb, part, allowed in _ANSWERS if verb == one.verb and part in one.path
            )
            if one.status not in allowed:
                yield f"{one.verb} {one.path} answered {one.status}: {one.answer!r}"
