"""What each stream keeps and how long a reader may take: one table for every adapter.

A stream's plan is code, not configuration: two replicas that disagreed about it would undo each
other's work at every reconnect.  Work queues refuse what is new when they are full, because the
other policy eats tasks that nobody has done; the stream of events, which is a hint about the log,
forgets its oldest.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from mainspring.bus import subjects

MAX_MESSAGE: Final = 1024 * 1024  # the default of the server; larger values travel by reference
DUPLICATE_WINDOW: Final = 120.0
MAX_ACK_PENDING: Final = 20_000  # reached, the server stops in silence, like an empty queue
HOLD: Final = 1.0  # how long an adapter may keep a message that nobody has fetched

MIB = 1024 * 1024


class StreamPlan(msgspec.Struct, frozen=True):
    """One stream, and the consumers of it.

    `in_memory`: nothing of it is written to disk.  A broker that starts again has lost it, which is
    found at once and made good from the log; on disk each step would cost two more writes.
    `ack_wait` is how long a reader may keep a message without a word.  `lookback` is how far
    before its making a consumer of a stream that is no work queue begins; what is older is found
    by the sweeps.
    """

    subjects: tuple[str, ...]
    work_queue: bool
    max_bytes: int
    ack_wait: float
    max_age: float = 0.0
    lookback: float = 600.0
    in_memory: bool = False

    @property
    def hold(self) -> float:
        """How long a message may wait here for a fetch before it goes back to the queue."""
        return min(HOLD, self.ack_wait / 4)


STREAMS: Final[Mapping[str, StreamPlan]] = {
    subjects.EVENTS: StreamPlan(
        subjects=subjects.STREAM_SUBJECTS[subjects.EVENTS],
        work_queue=False,
        max_bytes=256 * MIB,
        ack_wait=10.0,
        max_age=24 * 3600.0,
    ),
    subjects.TASKS: StreamPlan(
        subjects=subjects.STREAM_SUBJECTS[subjects.TASKS],
        work_queue=True,
        max_bytes=256 * MIB,
        ack_wait=15.0,
        in_memory=True,
    ),
    subjects.RESULTS: StreamPlan(
        subjects=subjects.STREAM_SUBJECTS[subjects.RESULTS],
        work_queue=True,
        max_bytes=256 * MIB,
        ack_wait=10.0,
        in_memory=True,
    ),
}


@lru_cache(maxsize=4096)
def matches(pattern: str, subject: str) -> bool:
    """Tell whether a subject falls under a pattern with `*` (one token) and `>` (the rest)."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        want in ("*", have) for want, have in zip(wanted, given, strict=True)
    )


def stream_of(streams: Mapping[str, StreamPlan], subject: str) -> str | None:
    """Return the stream that stores a subject, None for a core subject."""
    for name, plan in streams.items():
        if any(matches(pattern, subject) for pattern in plan.subjects):
            return name
    return None
