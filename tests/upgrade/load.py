"""A load of every dialect that never stops asking: what was accepted, and how it has to end.

Each start has an idempotency key, so a client that got no answer, or was told to come again, asks
again, at another gateway if there is one: as clients do while services are replaced.
"""

import asyncio
from itertools import count
from typing import Any, Final

import httpx
import msgspec

Json = dict[str, Any]
AGAIN_S: Final = 0.1
PATIENCE_S: Final = 45.0
COME_AGAIN: Final = frozenset({409, 429, 502, 503})
FLOW: Final = {
    "name": "upgraded-flow",
    "tasks": [
        {"name": "say", "type": "util.log", "properties": {"message": "at {{ inputs.n }}"}},
        {
            "name": "each",
            "type": "core.forEach",
            "properties": {
                "items": [1, 2, 3],
                "tasks": [{"name": "one", "type": "core.set", "properties": {"values": {"a": 1}}}],
            },
        },
    ],
    "inputs": {"n": {"type": "INT", "default": 0}},
}


def workflow(url: str) -> str:
    """Return a workflow of the runs dialect: two steps, one of which calls the peer."""
    return (
        "name: upgraded-run\nsteps:\n"
        f"- {{name: call, action: http/request, params: {{url: '{url}/run'}}}}\n"
        "- {name: say, action: util.log, params: {message: 'done'}}\n"
    )


def waiting(url: str) -> Json:
    """Return a native workflow that waits for an event and then calls the peer."""
    steps = [
        {"step_ref": "w", "step_type": "wait_for_event", "event_key": "go:{{run.id}}"},
        {
            "step_ref": "call",
            "step_type": "http",
            "depends_on": ["w"],
            "request": {"url": f"{url}/native"},
        },
    ]
    return {"name": "Upgraded", "slug": "upgraded-native", "steps": steps}


def _task(id: str, url: str, *, undo: str = "", then: str = "") -> Json:
    node: Json = {
        "kind": "task",
        "id": id,
        "action": {"mode": "sync", "request": {"url": url, "verb": "POST", "body": {"at": id}}},
    }
    node |= {"compensation": {"url": undo, "verb": "POST"}} if undo else {}
    return node | ({"next": then} if then else {})


def saga(url: str, nodes: list[Json], n: int) -> Json:
    """Return the body that starts a saga of these nodes."""
    definition = {
        "name": f"upgraded-{len(nodes)}",
        "version": "v1",
        "failureHandling": {"type": "retry", "maxAttempts": 2, "delayMillis": 50},
        "entrypoint": nodes[0]["id"],
        "nodes": nodes,
    }
    return {"definition": definition, "payload": {"n": n}}


class Load:
    """Starts a run of each kind in turn; `expected` has the status in which each must end."""

    def __init__(self, origins: list[str], url: str, rate: float) -> None:
        self.expected: dict[str, str] = {}
        self.stopping = asyncio.Event()
        self.origins = origins
        self.turned_away = 0
        self._url = url
        self._rate = rate
        self._http = httpx.AsyncClient(timeout=10)
        self._asked = count()
        self._flow = ""

    async def prepare(self) -> None:
        """Store what is started by name."""
        text = msgspec.json.encode(FLOW).decode()
        stored = await self._ask("stored-flow", "/api/v1/flows", {"yamlContent": text})
        self._flow = stored["id"]
        await self._ask("stored-native", "/v1/workflows", waiting(self._url))
        answer = await self._http.put(
            f"{self.origins[0]}/api/v1/workflows/upgraded-run",
            content=workflow(self._url),
            headers={"Content-Type": "application/yaml"},
        )
        assert answer.status_code == 201, answer.text

    async def run(self) -> None:
        """Ask until told to stop; return when everything that was asked is answered."""
        kinds = (self._one, self._chain, self._undone, self._nap)
        kinds = (*kinds, self._flowing, self._running, self._awaiting)
        async with asyncio.TaskGroup() as group:
            for n in count():
                if self.stopping.is_set():
                    return
                group.create_task(kinds[n % len(kinds)](n))
                await pause(1 / self._rate, self.stopping)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _one(self, n: int) -> None:
        await self._saga([_task("only", f"{self._url}/one")], n, "succeeded")

    async def _chain(self, n: int) -> None:
        nodes = [
            _task("first", f"{self._url}/one", undo=f"{self._url}/undo", then="second"),
            _task("second", f"{self._url}/two", undo=f"{self._url}/undo", then="third"),
            _task("third", f"{self._url}/three"),
        ]
        await self._saga(nodes, n, "succeeded")

    async def _undone(self, n: int) -> None:
        nodes = [
            _task("first", f"{self._url}/one", undo=f"{self._url}/undo", then="second"),
            _task("second", f"{self._url}/refuse"),
        ]
        await self._saga(nodes, n, "failed")

    async def _nap(self, n: int) -> None:
        nap = {"kind": "sleep", "id": "nap", "durationMillis": 400, "next": "only"}
        await self._saga([nap, _task("only", f"{self._url}/one")], n, "succeeded")

    async def _saga(self, nodes: list[Json], n: int, end: str) -> None:
        body = saga(self._url, nodes, n)
        self._note((await self._ask(f"saga-{n}", "/sagas/run", body))["id"], end)

    async def _flowing(self, n: int) -> None:
        path = f"/api/v1/flows/{self._flow}/execute"
        begun = await self._ask(f"flow-{n}", path, {"inputs": {"n": n}})
        self._note(begun["executionId"], "succeeded")

    async def _running(self, n: int) -> None:
        begun = await self._ask(f"run-{n}", "/api/v1/run/upgraded-run", {"inputs": {}})
        self._note(begun["execution_id"], "succeeded")

    async def _awaiting(self, n: int) -> None:
        begun = await self._ask(
            f"native-{n}", "/v1/workflows/upgraded-native/trigger", {"payload": {}}
        )
        self._note(begun["id"], "succeeded")
        # 404 until the trigger is open, which a scheduler decides.
        path = f"/v1/events/go:{begun['id']}/send"
        await self._ask(f"event-{n}", path, {"payload": {"n": n}}, come_again=COME_AGAIN | {404})

    def _note(self, id: str, end: str) -> None:
        assert id not in self.expected, "one run answered two keys"
        self.expected[id] = end

    async def _ask(
        self, key: str, path: str, body: Json, *, come_again: frozenset[int] = COME_AGAIN
    ) -> Json:
        """Return the answer to a request, which is sent until it is accepted."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._asked_again(key, path, body, come_again)

    async def _asked_again(
        self, key: str, path: str, body: Json, come_again: frozenset[int]
    ) -> Json:
        while True:
            origin = self.origins[next(self._asked) % len(self.origins)]
            try:
                headers = {"Idempotency-Key": key}
                answer = await self._http.post(origin + path, json=body, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                return answer.json()
            assert answer is None or answer.status_code in come_again, answer.text
            self.turned_away += 1
            await pause(AGAIN_S)


async def pause(seconds: float, unless: asyncio.Event | None = None) -> None:
    """Let seconds of real time pass, or fewer when something happens."""
    try:
        async with asyncio.timeout(seconds):
            await (unless or asyncio.Event()).wait()
    except TimeoutError:
        return
