"""Books of the loops of one execution: which items are under way, kept from the raw events.

Items begin in their order, no more at once than there may be, none after a failure that spares the
others, and a loop ends when it is through with them, as they did.
"""

from collections.abc import Iterator, Mapping
from typing import Final, cast

import msgspec

from mainspring.domain.definition import Definition, Each
from mainspring.domain.execution import events as e
from mainspring.domain.execution.expansion import Place, expanded, instance, place_of
from mainspring.domain.execution.fans import SPARED
from mainspring.domain.message import Json
from mainspring.testing.fault import Fault

LAWS: Final[Mapping[str, str]] = {
    "items": "the items of a loop begin in their order and within its bound, and it ends as they do"
}
_OPENS: Final = (e.StepScheduled, e.StepSlept, e.StepWaiting, e.StepFannedOut)


class Book(msgspec.Struct):
    """One loop since it was entered last."""

    count: int
    open: bool = True
    last: int = -1
    live: set[int] = msgspec.field(default_factory=set[int])
    failed: set[int] = msgspec.field(default_factory=set[int])


class Loops:
    """All loops of one execution; `note` enters the next event and yields what it breaks."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._books: dict[str, Book] = {}
        self._places: dict[str, str] = {}
        self._forced: set[str] = set()

    def note(self, event: e.Event) -> Iterator[Fault]:
        """Enter an event; yield the laws of loops that it breaks."""
        if isinstance(event, e.Forced):
            self._forced.add(event.ref)
        elif isinstance(event, e.Terminal | e.EpilogueBegun):
            self._forced.clear()
        if not isinstance(event, e.StepEvent) or event.phase != "up":
            return
        place = place_of(event.ref)
        if place is not None and self._begins(event):
            yield from self._begun(event, place)
        self._enter(event)
        yield from self._ended(event)
        if place is not None:
            self._settled(place)

    def _begins(self, event: e.StepEvent) -> bool:
        if event.ref in self._forced or self._places.get(event.ref) == "open":
            return False
        if isinstance(event, e.StepSkipped):
            return event.reason not in SPARED
        return isinstance(event, (*_OPENS, e.StepFailed))

    def _begun(self, event: e.StepEvent, place: Place) -> Iterator[Fault]:
        book, each = self._books.get(place.loop), self._each(place.loop)
        if book is None or not book.open or place.number >= book.count:
            yield Fault("items", f"{event.ref} begins, and its loop does not go on")
            return
        stops = place.number in book.failed and self._is_stopped(place)
        if stops or (each.fail_fast and book.failed):
            yield Fault("items", f"{event.ref} begins after a failure that spares it")
        if place.number in book.live:
            return
        if place.number <= book.last:
            yield Fault("items", f"item {place.number} begins after item {book.last}")
        if each.concurrency is not None and len(book.live) >= each.concurrency:
            yield Fault("items", f"item {place.number} begins beside {sorted(book.live)}")
        book.last = place.number
        book.live.add(place.number)

    def _enter(self, event: e.StepEvent) -> None:
        match event:
            case e.StepFannedOut():
                self._fanned_out(event)
                self._places[event.ref] = "open"
            case e.StepScheduled() | e.StepSlept() | e.StepWaiting():
                self._places[event.ref] = "open"
            case e.StepFailed(retry_at=None) | e.StepSucceeded() | e.StepSkipped():
                self._forced.discard(event.ref)
                self._places[event.ref] = type(event).__name__
            case e.StepCanceled():
                self._places[event.ref] = "StepCanceled"
            case e.StepReset():
                self._places.pop(event.ref, None)
            case _:
                pass

    def _fanned_out(self, event: e.StepFannedOut) -> None:
        older = self._books.get(event.ref)
        if event.items is not None:
            self._definition = expanded(self._definition, event.ref, len(event.items))
            self._books[event.ref] = Book(len(event.items))
        elif older is not None:
            self._books[event.ref] = Book(older.count)

    def _settled(self, place: Place) -> None:
        """Note what has become of an item after an event of one of its steps."""
        book = self._books.get(place.loop)
        if book is None:
            return
        if any(self._fails(ref) for ref in self._refs(place.loop, place.number)):
            if place.number in book.live:
                book.failed.add(place.number)
        else:
            book.failed.discard(place.number)
        if self._is_through(place.loop, place.number):
            book.live.discard(place.number)

    def _ended(self, event: e.StepEvent) -> Iterator[Fault]:
        book = self._books.get(event.ref)
        if book is None or not isinstance(event, e.StepSucceeded | e.StepFailed | e.StepCanceled):
            return
        was_open, book.open = book.open, False
        items = range(book.count)
        good = [n for n in items if self._is_through(event.ref, n) and not self._bad(event.ref, n)]
        if isinstance(event, e.StepSucceeded) and was_open:
            output = cast("dict[str, Json]", event.output)
            if len(good) != book.count:
                yield Fault("items", f"{event.ref} succeeds, {len(good)} of {book.count} items did")
            elif output.get("count") != book.count or len(output["results"]) != book.count:
                yield Fault("items", f"the output of {event.ref} is not that of its items")
        elif isinstance(event, e.StepFailed) and was_open:
            if len(good) == book.count:
                yield Fault("items", f"{event.ref} fails, and all its items succeeded")
            elif event.fault == "items" and not any(self._bad(event.ref, n) for n in items):
                yield Fault("items", f"{event.ref} fails, and none of its items has failed")

    def _each(self, loop: str) -> Each:
        return self._definition.by_ref[loop].each or Each(items=(), steps=())

    def _refs(self, loop: str, number: int) -> list[str]:
        return [instance(loop, number, step.ref) for step in self._each(loop).steps]

    def _is_through(self, loop: str, number: int) -> bool:
        refs = self._refs(loop, number)
        return all(self._places.get(ref, "open") != "open" for ref in refs)

    def _bad(self, loop: str, number: int) -> bool:
        return any(self._fails(ref) for ref in self._refs(loop, number))

    def _fails(self, ref: str) -> bool:
        place = self._places.get(ref)
        tolerated = self._definition.by_ref[ref].on_failure == "continue"
        return place == "StepCanceled" or (place == "StepFailed" and not tolerated)

    def _is_stopped(self, place: Place) -> bool:
        return any(
            self._places.get(ref) == "StepFailed"
            and self._definition.by_ref[ref].on_failure == "fail"
            for ref in self._refs(place.loop, place.number)
        )
