"""A client of the runs dialect: YAML that is applied, and executions that are waited for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from textwrap import dedent
from typing import Any, Final

import httpx
from tests.conformance.client import Service

from mainspring.testing.patience import moment

PATIENCE_S: Final = 30.0
ENDED: Final = ("completed", "failed", "cancelled", "timed_out")
YAML: Final = {"Content-Type": "application/yaml"}
Json = dict[str, Any]


def workflow(*steps: str, name: str = "w", **more: str) -> str:
    """Return a workflow of steps in flow style; `more` are its other fields, as YAML."""
    lines = [f"name: {name}", *(f"{key}: {text}" for key, text in more.items()), "steps:"]
    return "\n".join([*lines, *(f"- {step}" for step in steps)]) + "\n"


def calling(service: Service, name: str, *fields: str, **params: object) -> str:
    """Return a step that calls `/<name>` of the test's service; `fields` are further ones."""
    named = "".join(f", {key}: {text}" for key, text in params.items())
    more = "".join(f", {field}" for field in fields)
    url = f"{service.url}/{name}"
    return f"{{name: {name}, action: http/request, params: {{url: '{url}'{named}}}{more}}}"


def saying(name: str, message: str, *fields: str) -> str:
    """Return a step that says something, whose output is what it has said."""
    more = "".join(f", {field}" for field in fields)
    return f"{{name: {name}, action: util.log, params: {{message: {message!r}}}{more}}}"


class Runs:
    """A client of the dialect, in the project of its HTTP client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def put(self, text: str, name: str = "w", **headers: str) -> httpx.Response:
        """Apply a workflow."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return await self.http.put(
            f"/api/v1/workflows/{name}", content=dedent(text), headers={**YAML, **named}
        )

    async def apply(self, text: str, name: str = "w") -> Json:
        """Apply a workflow that has no fault, and return the answer."""
        answer = await self.put(text, name)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def begin(self, name: str = "w", inputs: Json | None = None) -> str:
        """Begin a run and return its id."""
        body = None if inputs is None else {"inputs": inputs}
        answer = await self.http.post(f"/api/v1/run/{name}", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["execution_id"]

    async def start(self, *steps: str, given: Json | None = None, **more: str) -> str:
        """Apply a workflow of these steps, begin a run of it, and return the run's id."""
        await self.apply(workflow(*steps, **more), more.get("name", "w"))
        return await self.begin(more.get("name", "w"), given)

    async def ran(self, *steps: str, given: Json | None = None, **more: str) -> Json:
        """Run a workflow of these steps to its end."""
        return await self.end(await self.start(*steps, given=given, **more))

    async def get(self, id: str) -> Json:
        """Return an execution, its steps by their names."""
        answer = await self.http.get(f"/api/v1/executions/{id}")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return {**found, "steps": {step["name"]: step for step in found["steps"]}}

    async def end(self, id: str) -> Json:
        """Follow an execution to its end."""
        return await self.until(id, lambda found: found["status"] in ENDED)

    async def until_step(self, id: str, name: str, *statuses: str) -> Json:
        """Follow an execution until a step has one of the statuses."""
        return await self.until(id, lambda found: found["steps"][name]["status"] in statuses)

    async def until(self, id: str, holds: Callable[[Json], bool]) -> Json:
        """Follow an execution until something holds of it."""
        async for found in self._follow(id):
            if holds(found):
                return found
        found = await self.get(id)
        assert holds(found), found
        return found

    async def all_of(self, name: str) -> list[Json]:
        """Return the executions of a workflow, newest first."""
        answer = await self.http.get("/api/v1/executions", params={"workflow": name})
        assert answer.status_code == 200, answer.text
        return answer.json()["executions"]

    async def some_of(self, name: str, count: int = 1) -> list[Json]:
        """Return the executions of a workflow as soon as there are so many."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := await self.all_of(name)) < count:
                await moment()
        return found

    async def _follow(self, id: str) -> AsyncIterator[Json]:
        """Yield an execution as it is and after each of its changes, up to its end."""
        async with asyncio.timeout(PATIENCE_S):
            while (found := await self.get(id))["status"] not in ENDED:
                yield found
                async with self.http.stream("GET", f"/v1/workflow-runs/{id}/stream") as stream:
                    assert stream.status_code == 200, await stream.aread()
                    async for line in stream.aiter_lines():
                        if line.startswith("data:"):
                            yield await self.get(id)
