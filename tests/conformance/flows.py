"""A client of the flows dialect: flows, their executions, and waiting for what one comes to."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httpx
import msgspec

PATIENCE_S: Final = 30.0
ENDED: Final = ("SUCCESS", "FAILED", "CANCELLED", "TIMED_OUT")
FLOWS: Final = "/api/v1/flows"
Json = dict[str, Any]


def task(name: str, kind: str = "util.log", **more: Any) -> Json:
    """Return a task; one that only logs says its own name."""
    properties = more.pop("properties", {"message": name} if kind == "util.log" else {})
    return {"name": name, "type": kind, "properties": properties, **more}


def values(name: str, **given: Any) -> Json:
    """Return a task whose output is these values."""
    return task(name, "core.set", properties={"values": given})


def text(*tasks: Json, name: str = "f", **more: Any) -> str:
    """Return the YAML of a flow; JSON is YAML.  `always` stands for `finally`."""
    more = {"finally" if key == "always" else key: value for key, value in more.items()}
    return msgspec.json.encode({"name": name, "tasks": list(tasks), **more}).decode()


class Flows:
    """A client of the dialect, in the namespace of its HTTP client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def create(self, *tasks: Json, name: str = "f", **more: Any) -> Json:
        """Store a flow and return it."""
        return await self.store(text(*tasks, name=name, **more))

    async def store(self, yaml: str, **more: Any) -> Json:
        """Store a flow of this text and return it."""
        answer = await self.http.post(FLOWS, json={"yamlContent": yaml, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def put(self, id: str, yaml: str, **more: Any) -> Json:
        """Change a flow's text and return the flow."""
        answer = await self.http.put(f"{FLOWS}/{id}", json={"yamlContent": yaml, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def faults(self, yaml: str) -> list[str]:
        """Return the faults of a text, each with its path."""
        answer = await self.http.post(f"{FLOWS}/validate", json={"yamlContent": yaml})
        assert answer.status_code == 200, answer.text
        return [f"{each['path']}: {each['message']}" for each in answer.json()["errors"]]

    async def execute(self, id: str, inputs: Json | None = None, **more: Any) -> str:
        """Begin an execution and return its id."""
        body = {"inputs": inputs or {}, **more}
        answer = await self.http.post(f"{FLOWS}/{id}/execute", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["executionId"]

    async def get(self, id: str) -> Json:
        """Return an execution with its tasks."""
        answer = await self.http.get(f"/api/v1/executions/{id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def until(self, id: str, *statuses: str) -> Json:
        """Follow an execution until it has one of the statuses; it must not end in another."""
        return await self._follow(id, lambda found: found["execution"]["status"] in statuses)

    async def until_tasks(self, id: str, **words: str) -> Json:
        """Follow an execution until these tasks have these words."""
        return await self._follow(id, lambda found: words.items() <= statuses_of(found).items())

    async def _follow(self, id: str, is_there: Callable[[Json], bool]) -> Json:
        path = f"/v1/workflow-runs/{id}/stream"
        project = {"X-Project-Id": (await self.get(id))["namespace"]}
        async with asyncio.timeout(PATIENCE_S):
            async with self.http.stream("GET", path, headers=project) as stream:
                assert stream.status_code == 200, await stream.aread()
                async for line in stream.aiter_lines():
                    if line.startswith("data:"):
                        found = await self.get(id)
                        if is_there(found):
                            return found
            found = await self.get(id)
        assert is_there(found), found
        return found

    async def end(self, id: str) -> Json:
        """Follow an execution to its end."""
        return await self.until(id, *ENDED)

    async def ran(
        self, *tasks: Json, inputs: Json | None = None, name: str = "f", **more: Any
    ) -> Json:
        """Store a flow of these tasks and execute it to its end."""
        made = await self.create(*tasks, name=name, **more)
        return await self.end(await self.execute(made["id"], inputs))


def tasks_of(found: Json) -> dict[str, Json]:
    """Return the tasks of an execution by their names."""
    return {each["taskName"]: each for each in found["tasks"]}


def outputs_of(found: Json, name: str) -> Any:
    """Return what a task gave."""
    return msgspec.json.decode(tasks_of(found)[name]["outputs"])


def statuses_of(found: Json) -> dict[str, str]:
    """Return the statuses of an execution's tasks by their names."""
    return {each["taskName"]: each["status"] for each in found["tasks"]}
