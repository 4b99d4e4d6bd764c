"""Messages pulled by hand from a durable consumer.

One pull is kept outstanding for half a minute, so an idle service costs nothing and a message
that comes is here at once, and `fetch` returns with whatever has arrived by then.  The library's
own `fetch` waits for the batch or its end, makes an inbox for each call, and raises at once, again
and again, when the consumer is gone.

What has arrived and is not fetched soon goes back to the queue: this reader may be busy while
another is idle, and a message that lay here past its `ack_wait` would be worked on twice.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from mainspring.bus import answers
from mainspring.bus.answers import Answers
from mainspring.bus.link import Link, inbox
from mainspring.bus.plans import StreamPlan
from mainspring.bus.wire import Heard, Said
from mainspring.domain.errors import BusUnavailable
from mainspring.ports import Delivery

EXPIRES = 30.0
SLACK = 5.0  # after its end and this, a pull that was never answered is given up
PULL_ENDED = ("404", "408")
HEARTBEAT = "100"


class PulledMessage:
    """A message with the address that its answers go to."""

    __slots__ = ("_answers", "_reply", "_stream", "arrived", "data", "incarnation", "subject")

    def __init__(
        self, message: Heard, answers: Answers, *, stream: str, incarnation: str, arrived: float
    ) -> None:
        self.subject = message.subject
        self.data = message.data
        self.incarnation = incarnation
        self.arrived = arrived
        self._reply = message.reply
        self._answers = answers
        self._stream = stream

    @property
    def redelivered(self) -> bool:
        # $JS.ACK.<stream>.<consumer>.<deliveries>.…, or with domain and account before the stream
        tokens = self._reply.split(".")
        return tokens[4 if len(tokens) < 11 else 6] != "1"

    def ack(self) -> None:
        self._say(answers.ACK)

    def nak(self, delay: float = 0.0) -> None:
        self._say(answers.nak(delay))

    def working(self) -> None:
        self._say(answers.WORKING)

    def _say(self, word: bytes) -> None:
        self._answers.put(self._stream, self.incarnation, self._reply, word)


class Puller:
    """One reader of a durable consumer that others may share."""

    def __init__(
        self,
        link: Link,
        answers: Answers,
        *,
        stream: str,
        durable: str,
        plan: StreamPlan,
        doubt: Callable[[], None],
    ) -> None:
        self._link = link
        self._answers = answers
        self._stream = stream
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._inbox = inbox()
        self._hold = plan.hold
        self._doubt = doubt
        self._ready = deque[PulledMessage]()
        self._news = asyncio.Event()
        self._open = 0  # messages that the server may still send for what was asked
        self._open_until = 0.0
        self._halted = True  # nothing is asked before streams and consumers have been seen
        self._ear = ""
        self._returning: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def listen(self) -> None:
        """Begin to hear what will be pulled."""
        self._ear = await self._link.listen(self._inbox, self._hear)

    async def fetch(self, limit: int, *, timeout: float, ask: bool = True) -> list[Delivery]:
        """Return up to `limit` messages as soon as there is one; [] when `timeout` seconds pass.

        Without `ask` nothing more is asked for.
        """
        deadline = self._loop.time() + timeout
        while True:
            if ask:
                await self._ask(limit)
            batch = self._take(limit)
            left = deadline - self._loop.time()
            if batch or left <= 0:
                return batch
            await self._wait(min(left, EXPIRES + SLACK))

    async def _wait(self, seconds: float) -> None:
        """Return when something has come, or when so many seconds have passed."""
        self._news.clear()
        timer = self._loop.call_later(seconds, self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()

    def halt(self) -> None:
        """Ask for nothing more: the connection is gone, and with it what was asked."""
        self._halted = True
        self._open = 0

    def resume(self) -> None:
        """Ask again: the stream and the consumer have been seen."""
        self._halted = False
        self._news.set()

    async def close(self) -> None:
        """Give back what was not fetched."""
        self._halted = True
        # First the broker must know that nobody listens, or it would send it here again.
        await self._link.drain(self._ear)
        self._give_back(self._loop.time())
        if self._returning is not None:
            self._returning.cancel()
            self._returning = None

    async def _ask(self, limit: int) -> None:
        now = self._loop.time()
        if now >= self._open_until:
            self._open = 0
        lacking = limit - self._open - len(self._ready)
        # Topping up for every message would double the traffic.
        if self._halted or 2 * lacking < limit:
            return
        self._open += lacking
        self._open_until = now + EXPIRES + SLACK
        wish = b'{"batch":%d,"expires":%d}' % (lacking, round(EXPIRES * 1e9))
        try:
            await self._link.say([Said(self._next, wish, self._inbox)])
        except BusUnavailable:
            self.halt()
            self._doubt()

    def _take(self, limit: int) -> list[Delivery]:
        batch: list[Delivery] = []
        current = self._answers.incarnation(self._stream)
        while self._ready and len(batch) < limit:
            message = self._ready.popleft()
            if message.incarnation == current:
                batch.append(message)
        return batch

    def _hear(self, message: Heard) -> None:
        if not message.reply:
            self._hear_status(message.headers)
            return
        now = self._loop.time()
        self._open = max(0, self._open - 1)
        incarnation = self._answers.incarnation(self._stream)
        self._ready.append(
            PulledMessage(
                message, self._answers, stream=self._stream, incarnation=incarnation, arrived=now
            )
        )
        self._news.set()
        if self._returning is None:
            self._returning = self._loop.call_later(self._hold, self._return_old)

    def _hear_status(self, headers: dict[str, str]) -> None:
        status = headers.get("Status", "")
        if status == HEARTBEAT:
            return
        unsent = headers.get("Nats-Pending-Messages", "")
        self._open = max(0, self._open - int(unsent)) if unsent.isdigit() else 0
        if status not in PULL_ENDED:
            # The consumer or the stream is gone, or the server is leaving.  Asking again at once
            # would be answered at once, so the bus looks first what is there.
            self._halted = True
            self._doubt()
        self._news.set()

    def _return_old(self) -> None:
        self._returning = None
        self._give_back(self._loop.time() - self._hold)
        if self._ready:
            later = self._ready[0].arrived + self._hold
            self._returning = self._loop.call_at(later, self._return_old)

    def _give_back(self, arrived_before: float) -> None:
        while self._ready and self._ready[0].arrived <= arrived_before:
            self._ready.popleft().nak()
