"""The event log in memory."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from msgspec.structs import replace

from mainspring.domain.envelope import EMPTY, Envelope, StreamId, head_of
from mainspring.domain.rows import Change, DefinitionRow, IdempotencyRow, StarterRow, TriggerRow
from mainspring.ports import Append, Appended, Refused
from mainspring.store.changes import KEY_LIFETIME_S, last_per_key
from mainspring.store.tables import Tables


class MemoryLog:
    """The EventLog port over dicts."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        """Write each stream whole or not at all; answer in batch order."""
        return [self._append(append) for append in batch]

    async def read(
        self, streams: Sequence[StreamId], *, after: int = 0
    ) -> dict[StreamId, list[Envelope]]:
        """Return the events of each stream with a version above `after`."""
        held = self._tables.streams
        return {stream: held.get(stream, [])[max(0, after) :] for stream in streams}

    async def read_all(
        self,
        *,
        after: int,
        limit: int,
        project: str | None = None,
        stream: StreamId | None = None,
        types: Sequence[str] = (),
    ) -> list[Envelope]:
        """Return events with a position above `after`, in order, at most `limit`."""
        source = self._tables.log if stream is None else self._tables.streams.get(stream, [])
        start = bisect_right(source, after, key=attrgetter("position"))
        found: list[Envelope] = []
        for envelope in source[start:]:
            if len(found) >= limit:
                break
            is_meant = not types or envelope.type in types
            if is_meant and project in (None, envelope.project):
                found.append(envelope)
        return found

    async def read_newest(
        self,
        project: str,
        *,
        types: Sequence[str],
        before: int | None = None,
        actor: str | None = None,
        limit: int,
    ) -> list[Envelope]:
        """Return a project's events of some types, newest first."""
        found = [
            envelope
            for envelope in reversed(self._tables.log)
            if envelope.project == project
            and envelope.type in types
            and (before is None or envelope.position < before)
            and actor in (None, envelope.meta.actor)
        ]
        return found[:limit]

    async def head_position(self) -> int:
        """Return the position of the newest event, 0 for an empty log."""
        return len(self._tables.log)

    def _append(self, append: Append) -> Appended | Refused:
        events = self._tables.streams.get(append.stream, [])
        head = head_of(events[-1]) if events else EMPTY
        if head != append.expected:
            return self._recognised(append, events) or Refused("conflict")
        changes = last_per_key(append.changes)
        for change in changes:
            refused = self._refusal(change, changes)
            if refused:
                return refused
        return self._write(append, changes)

    def _recognised(self, append: Append, events: Sequence[Envelope]) -> Appended | None:
        """Answer an append again that is in the log already."""
        first, last = append.events[0].version, append.events[-1].version
        if len(events) < last or events[last - 1].hash != append.events[-1].hash:
            return None
        return Appended(tuple(event.position for event in events[first - 1 : last]))

    def _refusal(self, change: Change, changes: Sequence[Change]) -> Refused | None:
        match change:
            case IdempotencyRow():
                key = (change.project, change.actor, change.route, change.key)
                kept = self._tables.row(IdempotencyRow, key)
                is_free = kept is None or kept.at <= change.at - KEY_LIFETIME_S
                return None if is_free else Refused("key_taken")
            case DefinitionRow():
                name = (change.project, change.name, change.version)
                taken = any(
                    (row.project, row.name, row.version) == name and row.id != change.id
                    for row in self._tables.rows(DefinitionRow)
                )
                return Refused("name_taken") if taken else None
            case TriggerRow(status="waiting"):
                return self._key_refusal(change, changes)
            case StarterRow(key=str() as key):
                taken = any(
                    row.key == key and row.id != change.id for row in self._tables.rows(StarterRow)
                )
                return Refused("name_taken") if taken else None
            case _:
                return None

    def _key_refusal(self, change: TriggerRow, changes: Sequence[Change]) -> Refused | None:
        """Refuse a second trigger that waits with a key, unless the first one ends here too."""
        written = {each.id for each in changes if isinstance(each, TriggerRow)}
        taken = any(
            (row.project, row.key, row.status) == (change.project, change.key, "waiting")
            and row.id not in written
            for row in self._tables.rows(TriggerRow)
        )
        return Refused("name_taken") if taken else None

    def _write(self, append: Append, changes: Sequence[Change]) -> Appended:
        log = self._tables.log
        first = len(log) + 1
        placed = [replace(event, position=first + n) for n, event in enumerate(append.events)]
        log.extend(placed)
        self._tables.streams.setdefault(append.stream, []).extend(placed)
        for change in changes:
            self._tables.write(change)
        return Appended(tuple(event.position for event in placed))
