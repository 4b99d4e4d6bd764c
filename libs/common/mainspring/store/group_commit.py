"""Concurrent appends of a process share a transaction.

When nothing is under way an append is written in the next turn of the loop; what arrives while a
batch is being written is the next batch.  So a lone append waits for nobody and a crowd fills its
own batches; there is no timer, and an idle process never wakes.  Two appends to one stream go into
successive transactions, in their order.

A caller that is cancelled while it waits in line takes its appends with it; once they are under way
they are written, and nobody is told.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from mainspring.domain.envelope import StreamId
from mainspring.domain.errors import MainspringError
from mainspring.ports import Append, Appended, Refused

Outcome: TypeAlias = Appended | Refused | MainspringError
Write: TypeAlias = Callable[[Sequence[Append]], Awaitable[list[Outcome]]]

MAX_STREAMS: Final = 256


class Ticket(NamedTuple):
    """Appends of one caller that go together; no stream twice."""

    appends: Sequence[Append]
    done: "asyncio.Future[list[Outcome]]"


class GroupCommit:
    """Collects appends and gives them to `write`, one batch at a time."""

    def __init__(self, write: Write, *, max_streams: int = MAX_STREAMS) -> None:
        self._write = write
        self._max_streams = max_streams
        self._waiting: deque[Ticket] = deque()
        self._task: asyncio.Task[list[Outcome]] | None = None
        self._scheduled = False
        self.batches = 0
        self.streams = 0
        self.events = 0

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        """Return the outcome of each append, in order, once all are settled."""
        loop = asyncio.get_running_loop()
        tickets = [Ticket(part, loop.create_future()) for part in split(batch)]
        self._waiting.extend(tickets)
        self._wake()
        if len(tickets) > 1:
            # All are awaited before any error is raised, so no future is left behind unheard.
            await asyncio.gather(*(ticket.done for ticket in tickets), return_exceptions=True)
        outcomes = [outcome for ticket in tickets for outcome in await ticket.done]
        return [_answer(outcome) for outcome in outcomes]

    async def close(self) -> None:
        """Return when everything that was handed in is settled."""
        while self._scheduled or self._task:
            if self._task:
                await asyncio.wait([self._task])
            else:
                await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time

    def _wake(self) -> None:
        if not self._scheduled and self._task is None and self._waiting:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        group = self._take()
        if not group:
            return
        appends = [append for ticket in group for append in ticket.appends]
        self.batches += 1
        self.streams += len(appends)
        self.events += sum(len(append.events) for append in appends)
        self._task = asyncio.ensure_future(self._write(appends))
        self._task.add_done_callback(partial(self._settle, group))

    def _take(self) -> list[Ticket]:
        """Take from the front of the line what fits into one transaction."""
        group: list[Ticket] = []
        taken: set[StreamId] = set()
        while self._waiting:
            ticket = self._waiting[0]
            streams = {append.stream for append in ticket.appends}
            is_full = len(taken) + len(streams) > self._max_streams or not taken.isdisjoint(streams)
            if group and is_full:
                break
            self._waiting.popleft()
            if not ticket.done.cancelled():
                group.append(ticket)
                taken |= streams
        return group

    def _settle(self, group: Iterable[Ticket], task: "asyncio.Task[list[Outcome]]") -> None:
        self._task = None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        outcomes = iter([] if error else task.result())
        for ticket in group:
            settled = [] if error else [next(outcomes) for _ in ticket.appends]
            if ticket.done.cancelled():
                continue
            if error:
                ticket.done.set_exception(error)
            else:
                ticket.done.set_result(settled)
        self._wake()


def split(batch: Sequence[Append]) -> list[list[Append]]:
    """Cut a batch before each repetition of a stream, so that each part names a stream once."""
    parts: list[list[Append]] = []
    seen: set[StreamId] = set()
    for append in batch:
        if not parts or append.stream in seen:
            parts.append([])
            seen = set()
        parts[-1].append(append)
        seen.add(append.stream)
    return parts


def _answer(outcome: Outcome) -> Appended | Refused:
    if isinstance(outcome, MainspringError):
        raise outcome
    return outcome
