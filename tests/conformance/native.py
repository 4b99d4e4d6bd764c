"""A client of the native dialect: workflows, runs, and waiting for what a run comes to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import httpx
from tests.conformance.client import Service

from mainspring.testing.patience import moment

PATIENCE_S: Final = 30.0
ENDED: Final = (
    "completed",
    "failed",
    "timed_out",
    "canceled",
    "compensated",
    "compensation_failed",
)
Json = dict[str, Any]


def step(ref: str, kind: str, *needs: str, **more: Any) -> Json:
    """Return a step of a kind that needs others."""
    needed = {"depends_on": list(needs)} if needs else {}
    return {"step_ref": ref, "step_type": kind, **needed, **more}


def calling(service: Service, ref: str, *needs: str, **more: Any) -> Json:
    """Return an http step that calls `/<ref>` of the test's service."""
    request = {"url": f"{service.url}/{ref}", **more.pop("request", {})}
    return step(ref, "http", *needs, request=request, **more)


def waiting(ref: str, *needs: str, key: str = "", **more: Any) -> Json:
    """Return a step that waits for an event, ordinarily with `<ref>:<run id>` as its key."""
    return step(ref, "wait_for_event", *needs, event_key=key or f"{ref}:{{{{run.id}}}}", **more)


def workflow(*steps: Json, slug: str = "w", **more: Any) -> Json:
    """Return a workflow of these steps."""
    return {"name": slug.title(), "slug": slug, "steps": list(steps), **more}


class Native:
    """A client of the dialect, in the project of its HTTP client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def create(self, *steps: Json, slug: str = "w", **more: Any) -> Json:
        """Store a workflow and return it."""
        answer = await self.http.post("/v1/workflows", json=workflow(*steps, slug=slug, **more))
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def trigger(self, named: str = "w", payload: Json | None = None, **more: Any) -> Json:
        """Begin a run of a stored workflow and return the run."""
        body = {"payload": payload or {}, **more}
        answer = await self.http.post(f"/v1/workflows/{named}/trigger", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def begin(self, *steps: Json, payload: Json | None = None, **more: Any) -> str:
        """Store a workflow of these steps, begin a run of it, and return the run's id."""
        made = await self.create(*steps, **more)
        return (await self.trigger(made["id"], payload))["id"]

    async def run(self, id: str) -> Json:
        answer = await self.http.get(f"/v1/workflow-runs/{id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def steps(self, id: str) -> dict[str, Json]:
        """Return the steps of a run by their refs."""
        answer = await self.http.get(f"/v1/workflow-runs/{id}/steps", params={"limit": 500})
        assert answer.status_code == 200, answer.text
        return {each["step_ref"]: each for each in answer.json()}

    async def until(self, id: str, *statuses: str) -> Json:
        """Follow a run's stream until it has one of the statuses; it must not end in another."""
        async for found in self._follow(id):
            if found["status"] in statuses:
                return found
        found = await self.run(id)
        assert found["status"] in statuses, found
        return found

    async def until_step(self, id: str, ref: str, *statuses: str) -> Json:
        """Follow a run's stream until a step has one of the statuses."""
        return await self.until_it(id, ref, lambda found: found["status"] in statuses)

    async def until_it(self, id: str, ref: str, holds: Callable[[Json], bool]) -> Json:
        """Follow a run's stream until something holds of a step."""
        async for _ in self._follow(id):
            found = (await self.steps(id))[ref]
            if holds(found):
                return found
        found = (await self.steps(id))[ref]
        assert holds(found), found
        return found

    async def end(self, id: str) -> Json:
        """Follow a run to its end."""
        return await self.until(id, *ENDED)

    async def ran(self, *steps: Json, payload: Json | None = None, **more: Any) -> Json:
        """Run a workflow of these steps to its end."""
        return await self.end(await self.begin(*steps, payload=payload, **more))

    async def send(self, key: str, payload: Json | None = None) -> httpx.Response:
        """Send an event."""
        path = f"/v1/events/{httpx.URL(path=key).raw_path.decode()}/send"
        return await self.http.post(path, json={"payload": payload or {}})

    async def _follow(self, id: str) -> AsyncIterator[Json]:
        """Yield the run as it is and after each of its changes, up to its end."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.http.get(f"/v1/workflow-runs/{id}")).status_code == 404:
                await moment()  # a child's id is told with its step, and it begins just after that
            while (found := await self.run(id))["status"] not in ENDED:
                yield found
                async with self.http.stream("GET", f"/v1/workflow-runs/{id}/stream") as stream:
                    assert stream.status_code == 200, await stream.aread()
                    async for line in stream.aiter_lines():
                        if line.startswith("data:"):
                            yield await self.run(id)
