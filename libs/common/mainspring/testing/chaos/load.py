"""A load of every dialect that never stops asking: what was accepted, and how it has to end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, Final

from mainspring.testing.chaos import scripts
from mainspring.testing.chaos.client import Ask, Client

TICKERS: Final = 6
SOON_S: Final = 0.5
Json = dict[str, Any]
NOT_YET: Final = frozenset({404})


class Load:
    """Starts a run of each kind in turn; `expected` has the status in which each must end."""

    def __init__(self, client: Client, peers: Mapping[str, str]) -> None:
        self.client = client
        self.expected: dict[str, str] = {}
        self.stopping = asyncio.Event()
        self._peers = peers
        self._ids: dict[str, str] = {}
        self._inline = [
            (scripts.one(peers["steady"]), "succeeded"),
            (scripts.undone(peers["steady"]), "failed"),
            (scripts.nap(peers["steady"]), "succeeded"),
        ]
        self._kinds: list[Callable[[int], Awaitable[None]]] = [
            self._saga,
            self._chain,
            self._flow,
            self._queued,
            self._saga,
            self._native,
            self._saga,
        ]

    async def prepare(self) -> None:
        """Store what is started by name, and what starts by itself."""
        post, peers = self.client.post, self._peers
        chain = scripts.chain(peers["steady"], peers["troubled"])
        await post("/sagas/definitions", chain, "chain")
        await post("/v1/workflows", scripts.child(peers["troubled"]), "child")
        await post("/v1/workflows", scripts.parent(), "parent")
        await self.apply("queued", scripts.queued(peers["shaky"]))
        for name, text in (
            ("gated", scripts.gated()),
            ("ticking", scripts.ticking()),
            ("following", scripts.following()),
        ):
            self._ids[name] = (await post("/api/v1/flows", {"yamlContent": text}, name))["id"]
        for n in range(TICKERS):
            await self._trigger(f"tick-{n}", "ticking", "schedule", {"interval": 2 + n % 2})
        await self._trigger("follow", "following", "flow", {"flowId": self._ids["ticking"]})

    async def settle(self) -> None:
        """Delete what starts by itself, so that all there is comes to an end."""
        for name in "ticking", "following":
            await self.client.ask(Ask("DELETE", f"/api/v1/flows/{self._ids[name]}"))

    async def run(self, rate: float) -> None:
        """Ask so many times a second until told to stop; return when all that was asked is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for n in count():
                await _until(self.stopping, began + n / rate - loop.time())
                if self.stopping.is_set():
                    return
                group.create_task(self._kind(n))

    async def crowd(self, at_once: int, seconds: float) -> None:
        """Ask as fast as answers come, for so long: what the whole of it can do."""
        numbers = count(10_000_000)
        until = asyncio.get_running_loop().time() + seconds

        async def worker() -> None:
            while asyncio.get_running_loop().time() < until:
                await self._kind(next(numbers))

        await asyncio.gather(*(worker() for _ in range(at_once)))

    async def apply(self, name: str, text: str) -> Json:
        """Apply a workflow of the runs dialect."""
        return await self.client.ask(Ask("PUT", f"/api/v1/workflows/{name}", text=text))

    async def _kind(self, n: int) -> None:
        # A request that was never accepted is in the client's faults already.
        with suppress(KeyError):
            await self._kinds[n % len(self._kinds)](n)

    async def _saga(self, n: int) -> None:
        definition, end = self._inline[n % len(self._inline)]
        body = {"definition": definition, "payload": {"n": n}}
        self._note((await self.client.post("/sagas/run", body, f"saga-{n}"))["id"], end)

    async def _chain(self, n: int) -> None:
        path = "/sagas/definitions/chaos-chain/v1/run"
        begun = await self.client.post(path, {"payload": {"n": n}}, f"chain-{n}")
        self._note(begun["id"], "succeeded")

    async def _flow(self, n: int) -> None:
        path = f"/api/v1/flows/{self._ids['gated']}/execute"
        begun = await self.client.post(path, {"inputs": {"n": n}}, f"flow-{n}")
        self._note(id := begun["executionId"], "succeeded")
        await self._approve(id, "gate")

    async def _queued(self, n: int) -> None:
        begun = await self.client.post("/api/v1/run/queued", {"inputs": {}}, f"run-{n}")
        self._note(begun["execution_id"], "succeeded")

    async def _native(self, n: int) -> None:
        path = "/v1/workflows/parent/trigger"
        begun = await self.client.post(path, {"payload": {"n": n}}, f"native-{n}")
        self._note(id := begun["id"], "succeeded")
        await asyncio.sleep(SOON_S)
        event = f"/v1/events/go:{id}/send"
        await self.client.post(event, {"payload": {"n": n}}, f"event-{n}", wait_for=NOT_YET)
        await self._approve(id, "ok")

    async def _approve(self, id: str, step: str) -> None:
        await asyncio.sleep(SOON_S)
        # 404 and 409 until the step is open, which a scheduler decides.
        path = f"/v1/workflow-runs/{id}/steps/{step}/approve"
        await self.client.post(path, {}, wait_for=NOT_YET)

    async def _trigger(self, key: str, flow: str, type: str, config: Json) -> None:
        body = {"flowId": self._ids[flow], "type": type, "config": config}
        await self.client.post("/api/v1/triggers", body, key)

    def _note(self, id: str, end: str) -> None:
        if id in self.expected:
            self.client.faults.append(f"run {id} answered two keys")
        self.expected[id] = end


async def _until(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
