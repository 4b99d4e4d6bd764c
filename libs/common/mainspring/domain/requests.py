"""Requests that touch many streams, as facts of their own: who asked, and what was answered.

A request about one thing is recorded by the event that it leads to, with the answer to give again
for its idempotency key.  One about many things leads to many events, of which none could hold the
answer to the whole.
"""

from mainspring.domain.envelope import StreamId
from mainspring.domain.message import Message


class RequestAnswered(Message, frozen=True, kw_only=True):
    """A request about many things was carried out: how many it changed, and how many it did not."""

    action: str
    changed: int
    failed: int = 0
    at: float


def request_stream(id: str) -> StreamId:
    """Return the stream of one request."""
    return StreamId("request", id)
