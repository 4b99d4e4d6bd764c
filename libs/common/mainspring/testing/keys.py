"""Who waits with which event key, judged as others can see it: after each append, not within one.

A decision may open a trigger and close it again in the same transaction; nobody ever saw it wait.
An append is what one stream got at one instant, in a row.
"""

from collections.abc import Iterator
from typing import NamedTuple

from mainspring.domain.envelope import Envelope, StreamId


class Place(NamedTuple):
    """A key in its project."""

    project: str
    key: str


class Waiter(NamedTuple):
    """A step of a run."""

    stream: StreamId
    ref: str


class Keys:
    """All keys of a log that are waited with."""

    def __init__(self) -> None:
        self._waiting: dict[Place, dict[Waiter, None]] = {}
        self._opened: dict[Place, Envelope] = {}
        self._append: tuple[StreamId, float] | None = None

    def note(self, envelope: Envelope, key: str, ref: str, *, waits: bool) -> None:
        """Enter that a step waits with a key now, or does not."""
        place, waiter = Place(envelope.project, key), Waiter(envelope.stream, ref)
        waiters = self._waiting.setdefault(place, {})
        if waits and waiter not in waiters:
            waiters[waiter] = None
            self._opened[place] = envelope
        elif not waits:
            waiters.pop(waiter, None)
        if not waiters:
            del self._waiting[place]

    def before(self, envelope: Envelope | None) -> Iterator[tuple[Envelope, str]]:
        """Judge the append that ended before `envelope`; yield where a key is waited with twice."""
        append = None if envelope is None else (envelope.stream, envelope.recorded_at)
        if append == self._append:
            return
        self._append = append
        for place, opened in self._opened.items():
            waiters = list(self._waiting.get(place, ()))
            if len(waiters) > 1:
                yield opened, f"{place.key!r} is waited for by {waiters}"
        self._opened.clear()
