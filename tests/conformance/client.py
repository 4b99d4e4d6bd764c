"""A test's corner of the peer that sagas call, and a client of the sagas dialect."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httpx
import msgspec

from mainspring.testing.patience import until
from mainspring.testing.peer import Call, Peer, Reply
from mainspring.testing.sagas import call, task

PATIENCE_S: Final = 30.0
Json = dict[str, Any]
RETRY: Final = {"type": "retry", "maxAttempts": 2, "delayMillis": 10}
Answers = Callable[[Call], Reply]


class Service:
    """A test's own corner of the peer: what it answers, and what it was asked."""

    def __init__(self, peer: Peer, corner: str) -> None:
        self._peer = peer
        self._corner = corner
        self._scripts: dict[str, Answers | list[Reply]] = {}
        self.url = f"{peer.url}{corner}"

    def on(self, path: str, *replies: Reply) -> str:
        """Answer with each reply once, and with the last one from then on; return the URL."""
        self._scripts[path] = list(replies)
        return self.url + path

    def respond(self, path: str, answers: Answers) -> str:
        """Answer as a function says; return the URL."""
        self._scripts[path] = answers
        return self.url + path

    def answer(self, call: Call, path: str) -> Reply:
        script = self._scripts.get(path)
        if script is None:
            return reply({"ok": True})
        if callable(script):
            return script(call)
        return script.pop(0) if len(script) > 1 else script[0]

    def calls(self, path: str) -> list[Call]:
        """Return what was asked under a path."""
        return self._peer.to(self._corner + path)

    async def called(self, path: str, times: int = 1) -> list[Call]:
        """Return the calls of a path as soon as there are so many."""
        await until(lambda: len(self.calls(path)) >= times, patience=PATIENCE_S)
        return self.calls(path)

    def order(self) -> list[str]:
        """Return the paths that were called, in order."""
        mine = (call.path.split("?")[0] for call in self._peer.calls)
        return [path.removeprefix(self._corner) for path in mine if path.startswith(self._corner)]


def reply(body: Any = None, status: int = 200, delay: float = 0.0, **headers: str) -> Reply:
    """Return a reply with a JSON body."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(status, msgspec.json.encode(body), delay, headers=named)


def calling(service: Service, id: str, then: str | None = None, **more: Any) -> Json:
    """Return a task that calls `/<id>` of the test's service."""
    request = call(service.url + f"/{id}", **more.pop("request", {}))
    return task(id, then, action={"mode": "sync", "request": request}, **more)


def undo(service: Service, id: str) -> Json:
    """Return a compensation that calls `/undo-<id>`."""
    return call(f"{service.url}/undo-{id}")


def sent(made: Call) -> Any:
    """Return what a call brought, as JSON."""
    return msgspec.json.decode(made.body)


def awaiting(
    service: Service, then: str | None = None, *, timeout: int = 60_000, **rules: Any
) -> Json:
    """Return an async task that calls `/ask`."""
    request = call(f"{service.url}/ask", body={"answerTo": "{{runtime.callback.url}}"})
    callback = {"timeoutMillis": timeout, **rules}
    return task("ask", then, action={"mode": "async", "request": request, "callback": callback})


class Sagas:
    """A client of the dialect."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def run(self, definition: Json, payload: Json | None = None, **headers: str) -> str:
        """Begin a run and return its id."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"definition": definition, "payload": payload or {}}
        answer = await self.http.post("/sagas/run", json=body, headers=named)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    async def get(self, id: str) -> Json:
        answer = await self.http.get(f"/sagas/{id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def steps(self, id: str) -> list[Json]:
        return (await self.http.get(f"/sagas/{id}/steps")).json()

    async def calls(self, id: str) -> list[Json]:
        return (await self.http.get(f"/sagas/{id}/steps/calls")).json()

    async def until(self, id: str, *statuses: str) -> Json:
        """Follow a run's stream until it has one of the statuses; it must not end in another."""
        async with asyncio.timeout(PATIENCE_S):
            async with self.http.stream("GET", f"/v1/workflow-runs/{id}/stream") as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data:"):
                        saga = await self.get(id)
                        if saga["status"] in statuses:
                            return saga
            saga = await self.get(id)
        assert saga["status"] in statuses, saga
        return saga

    async def end(self, id: str) -> Json:
        """Follow a run to its end."""
        return await self.until(id, "SUCCEEDED", "FAILED", "CORRUPTED", "CANCELED")

    async def ran(self, definition: Json, payload: Json | None = None) -> Json:
        """Run a definition to its end."""
        return await self.end(await self.run(definition, payload))

    async def answer(self, made: Call, body: Any = None, **headers: str) -> int:
        """Answer an async call as its peer would, with what it was sent; return the status."""
        told = {"X-Callback-Token": made.headers["x-callback-token"], **headers}
        url = made.headers["x-callback-url"]
        return (await self.http.post(url, json=body, headers=told)).status_code
