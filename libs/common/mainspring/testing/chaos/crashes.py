"""Every named point of `mainspring.runtime.crash`, visited: a process dies at each of them.

A replica is started so that it dies there, what leads there is asked of it until it does, and then
it is started as before and the same is asked once more, as a client does who got no answer.  Each
service has a lane of its own, so four points are visited at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from signal import SIGKILL
from typing import Any, Final, cast

from mainspring.testing.chaos import scripts
from mainspring.testing.chaos.client import Ask, Client
from mainspring.testing.chaos.fleet import MACHINES, Fleet, Replica

START_S: Final = 40.0
PATIENCE_S: Final = 8.0
LOOK_S: Final = 0.1
GONE: Final = frozenset({204, 404, 503})
"""What a second DELETE is answered: done now, done before, or by a gateway that is just dying."""

FLOWS: Final = "/api/v1/flows"
NATIVE: Final = "/v1/workflows"
Json = dict[str, Any]
Provoke = Callable[[str], Awaitable[object]]


class Visits:
    """The points of one round, and where a process has died so far."""

    def __init__(self, whole: Fleet, client: Client, number: int) -> None:
        self.visited: list[str] = []
        self._whole = whole
        self._client = client
        self._number = number

    async def all(self) -> None:
        """Visit every point."""
        lanes = {
            "api": self._gateway(),
            "scheduler": self._scheduler(),
            "executor": self._executor(),
            "events": self._events(),
        }
        await asyncio.gather(*(self._lane(service, lane) for service, lane in lanes.items()))

    async def _lane(self, service: str, lane: Awaitable[None]) -> None:
        try:
            await lane
        finally:
            for machine in MACHINES:
                replica = self._whole.services[service, machine]
                if replica.is_armed:
                    await self._as_before(replica)

    async def _scheduler(self) -> None:
        for point in "advance.decided", "children.started", "fires.appended", "followers.started":
            await self._visit("scheduler", point)

    async def _executor(self) -> None:
        for point in "executor.answered", "executor.reported":
            await self._visit("executor", point)

    async def _events(self) -> None:
        async def provoke(at: str) -> None:
            await self._client.once(self._kept(f"{time.monotonic()}"), at=at)

        await self._visit("events", "triggers.appended", provoke)
        await self._client.ask(self._kept("last"))

    def _kept(self, of: str) -> Ask:
        """Return the sending of an event that nobody waits for."""
        body: Json = {"payload": {"n": self._number}, "buffer_secs": 60}
        path = f"/v1/events/kept-{self._number}/send"
        return Ask("POST", path, body, key=self._key(of))

    async def _gateway(self) -> None:
        await self._visit("api", "engine.started")
        await self._visit("api", "engine.asked")
        await self._flows()
        await self._native()
        path, text = f"/api/v1/workflows/applied-{self._number}", scripts.applied(self._number)
        await self._asked("runs.stored", Ask("PUT", path, text=text))

    async def _flows(self) -> None:
        text = scripts.edited(f"edited-{self._number}")
        flow = await self._asked("flows.stored", Ask("POST", FLOWS, {"yamlContent": text}))
        id = str(flow.get("id", ""))
        await self._has_triggers(id, "flows.stored", 1)
        document = await self._exported(id)
        path = f"{FLOWS}/import?onConflict=rename"
        made = await self._asked("flows.imported", Ask("POST", path, document))
        await self._has_triggers(str(made.get("id", "")), "flows.imported", 2)
        await self._deleted("flows.deleted", f"{FLOWS}/{id}")

    async def _exported(self, id: str) -> Json:
        """Return the document of a flow that has a trigger beside those of its text."""
        config = {"cron": "0 0 1 1 *"}
        trigger = {"flowId": id, "type": "schedule", "config": config, "name": "beside"}
        await self._client.post("/api/v1/triggers", trigger, self._key("beside"))
        return await self._client.ask(Ask("GET", f"{FLOWS}/{id}/export"))

    async def _native(self) -> None:
        slug = f"scheduled-{self._number}"
        await self._asked("native.stored", Ask("POST", NATIVE, scripts.scheduled(slug)))
        await self._has_triggers(slug, "native.stored", 1)
        await self._deleted("native.deleted", f"{NATIVE}/{slug}")

    async def _has_triggers(self, flow: str, point: str, wanted: int) -> None:
        """Hold that what was half told is whole after the same was asked again."""
        found = await self._client.once(Ask("GET", f"/api/v1/triggers?flowId={flow}"))
        listed = [] if found is None or not found.is_success else cast("list[Json]", found.json())
        if found is not None and len(listed) != wanted:
            self._client.faults.append(f"{point}: {flow} has {found.text[:200]}")

    async def _asked(self, point: str, what: Ask) -> Json:
        """Ask for a change of a gateway that dies over it, and ask once more."""
        keyed = what._replace(key=self._key(point))
        await self._visit("api", point, lambda at: self._client.once(keyed, at=at))
        return await self._client.ask(keyed)

    async def _deleted(self, point: str, path: str) -> None:
        what = Ask("DELETE", path)
        await self._visit("api", point, lambda at: self._client.once(what, at=at))
        answer = await self._client.once(what)
        if answer is not None and answer.status_code not in GONE:
            self._client.faults.append(f"{point}: {answer.status_code} {answer.text[:200]}")

    def _key(self, of: str) -> str:
        return f"visit-{self._number}-{of}"

    async def _visit(self, service: str, point: str, provoke: Provoke | None = None) -> None:
        """Let a replica of a service die at a point; the other one too, if it takes both.

        Who has died stays dead until the next point of its lane, or the lane's end.
        """
        armed: list[Replica] = []
        for machine in "b", "a":
            replica = self._whole.services[service, machine]
            armed.append(replica)
            replica.arm(point)
            await asyncio.to_thread(replica.kill)
            replica.start()
            if await self._died(point, armed, provoke):
                break
        for replica in armed[1:]:
            await self._as_before(replica)

    async def _as_before(self, replica: Replica) -> None:
        replica.disarm()
        await asyncio.to_thread(replica.kill)
        await replica.again()

    async def _died(self, point: str, armed: Sequence[Replica], provoke: Provoke | None) -> bool:
        """Say whether one of them dies there, some seconds after the last of them serves."""
        until, is_ready = time.monotonic() + START_S, False
        while time.monotonic() < until:
            if -SIGKILL in [each.ended_with for each in armed]:
                self.visited.append(point)
                return True
            if not is_ready and (is_ready := await self._serves(armed[-1].url)):
                until = min(until, time.monotonic() + PATIENCE_S)
            if provoke is not None:
                await provoke(armed[-1].url)
            await asyncio.sleep(LOOK_S)
        return False

    async def _serves(self, at: str) -> bool:
        answer = await self._client.once(Ask("GET", "/readyz"), at=at)
        return answer is not None and answer.is_success
