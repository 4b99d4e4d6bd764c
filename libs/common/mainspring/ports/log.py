"""The truth: one table of events, in streams, in one total order."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from mainspring.domain.envelope import Envelope, Head, StreamId
from mainspring.domain.rows import Change


class Append(msgspec.Struct, frozen=True):
    """Sealed events of one stream behind `expected`, and the view rows that follow from them."""

    stream: StreamId
    expected: Head
    events: tuple[Envelope, ...]
    changes: tuple[Change, ...] = ()


class Appended(msgspec.Struct, frozen=True):
    """The events are durable and in order at these positions, also when they already were."""

    positions: tuple[int, ...]


class Refused(msgspec.Struct, frozen=True):
    """Nothing of this stream was written.

    `conflict`: another writer was first; `key_taken`: its idempotency key is in use; `name_taken`:
    its unique name (a definition's name and version, a waiting trigger's key) is.
    """

    why: Literal["conflict", "key_taken", "name_taken"]


class EventLog(Protocol):
    """The truth: one table of events, in streams, in one total order."""

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        """Write each stream whole or not at all, all in one transaction; answer in batch order.

        Durable when it returns.  Concurrent calls of a process share a transaction.  An append
        that was already written (same hashes) answers `Appended` again.  Raises `LogUnavailable`.
        """
        ...

    async def read(
        self, streams: Sequence[StreamId], *, after: int = 0
    ) -> dict[StreamId, list[Envelope]]:
        """Return the events of each stream with a version above `after`; absent streams are []."""
        ...

    async def read_all(
        self,
        *,
        after: int,
        limit: int,
        project: str | None = None,
        stream: StreamId | None = None,
        types: Sequence[str] = (),
    ) -> list[Envelope]:
        """Return events with a position above `after`, in order of position, at most `limit`."""
        ...

    async def read_newest(
        self,
        project: str,
        *,
        types: Sequence[str],
        before: int | None = None,
        actor: str | None = None,
        limit: int,
    ) -> list[Envelope]:
        """Return a project's events of some types below a position, newest first."""
        ...

    async def head_position(self) -> int:
        """Return the position of the newest event, 0 for an empty log."""
        ...
