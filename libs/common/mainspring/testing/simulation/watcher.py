"""Who watches: reads the stream of a project, comes back after each break, and keeps what it saw.

It reads where the events service serves it and through the api's gateway, now here, now there.

Whatever breaks, the reader resumes behind the last position that it has, so what it has seen in the
end must be the log: each event of the project once, in order.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from starlette.types import Message

from mainspring.domain.envelope import Envelope
from mainspring.testing.simulation.client import scope_of
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.incarnation import Life, Replica

PATH: Final = "/v1/log/stream"
PROJECT: Final = "default"


class Watcher:
    """One reader of the project's stream, at whichever replica is up."""

    def __init__(self, replicas: Sequence[Replica], chance: Chance) -> None:
        self._replicas = replicas
        self._chance = chance
        self.seen: list[int] = []
        self.statuses: set[int] = set()

    async def run(self) -> None:
        """Read, and come back, for ever."""
        while True:
            alive = [one.life for one in self._replicas if one.life is not None and one.life.app]
            if alive:
                await self._read(self._chance.pick(alive))
            await asyncio.sleep(self._chance.around(0.5))

    async def _read(self, life: Life) -> None:
        """Read until the stream breaks, or until it is enough."""
        enough = asyncio.Event()
        asked = [True]
        patience = len(self.seen) + self._chance.whole(1, 400)

        async def receive() -> Message:
            if asked:
                asked.clear()
                return {"type": "http.request", "body": b"", "more_body": False}
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses.add(int(message["status"]))
            elif not enough.is_set():
                self.seen += _ids(message.get("body", b""))
            if len(self.seen) >= patience:
                enough.set()

        last = str(self.seen[-1]) if self.seen else "0"
        headers = {"host": "mainspring.test", "last-event-id": last}
        await life.serve(scope_of("GET", PATH, headers), receive, send)

    def missed(self, log: Sequence[Envelope]) -> Iterator[str]:
        """Say what it saw in another way than it happened."""
        happened = [envelope.position for envelope in log if envelope.project == PROJECT]
        if self.seen == happened:
            return
        if self.seen != sorted(set(self.seen)):
            yield f"a watcher saw events twice or out of order: {self.seen}"
        else:
            lost = sorted(set(happened) - set(self.seen))
            made_up = sorted(set(self.seen) - set(happened))
            yield f"a watcher never saw {lost}, and saw {made_up} that did not happen"


def _ids(piece: bytes) -> list[int]:
    lines = piece.split(b"\n")
    return [int(line[4:]) for line in lines if line.startswith(b"id: ")]
