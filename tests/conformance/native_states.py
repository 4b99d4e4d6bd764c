"""Real runs and steps in every state that the tables of `docs/native_tables.md` name.

The names of the states and of their steps are those of `mainspring.testing.native_states`, where
the decider is told the same lives.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx
from tests.conformance.client import Service, reply
from tests.conformance.native import Json, Native, calling, step, waiting

from mainspring.testing.peer import Reply

SLOW: Final = reply(delay=3.0)
"""The answer of a peer that is still at it when the question comes."""

BAD: Final = reply(status=500)

ANN: Final = {"X-Actor-Id": "ann"}
BOB: Final = {"X-Actor-Id": "bob"}
RUN: Final = "/v1/workflow-runs"
Build = Callable[[], Awaitable[str]]


class States:
    """Puts runs into states; each of them belongs to a workflow of its own."""

    def __init__(self, native: Native, service: Service) -> None:
        self._native = native
        self._service = service
        self._count = 0

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Ask for an operation on a run."""
        return await self._native.http.post(f"{RUN}/{path}", json=body, **more)

    async def delete(self, id: str) -> httpx.Response:
        """Ask for the end of a run."""
        return await self._native.http.delete(f"{RUN}/{id}")

    async def run(self, status: str) -> str:
        """Return the id of a run in a status."""
        build: Mapping[str, Build] = {
            "pending": self._pending,
            "running": self._going,
            "paused": self._paused,
            "completed": self._completed,
            "failed": lambda: self._failing("failed"),
            "timed_out": self._timed_out,
            "canceled": lambda: self._canceled("canceled"),
            "compensating (it failed)": lambda: self._failing("compensating", SLOW),
            "compensating (it is canceled)": lambda: self._canceled("compensating", SLOW),
            "compensated": lambda: self._failing("compensated", reply()),
            "compensation_failed": lambda: self._failing("compensation_failed", BAD),
        }
        return await build[status]()

    def _slug(self) -> str:
        self._count += 1
        return f"w{self._count}"

    async def _begin(self, *steps: Json, **more: Any) -> str:
        return await self._native.begin(*steps, slug=self._slug(), **more)

    def _three(self, undo: Reply | None) -> tuple[Json, ...]:
        """Return the steps of a run, and say how the first is undone."""
        more: Json = {}
        if undo is not None:
            more = {"compensation": {"url": self._service.on("/undo", undo)}}
        done = calling(self._service, "done", **more)
        return done, waiting("held"), calling(self._service, "later", "done", "held")

    async def _going(self, undo: Reply | None = None, **more: Any) -> str:
        id = await self._begin(*self._three(undo), **more)
        await self._native.until_step(id, "done", "completed")
        await self._native.until_step(id, "held", "waiting")
        return id

    async def _pending(self) -> str:
        slug = self._slug()
        first = await self._native.begin(*self._three(None), slug=slug, max_concurrent_runs=1)
        await self._native.until_step(first, "held", "waiting")
        return (await self._native.trigger(slug))["id"]

    async def _paused(self) -> str:
        id = await self._going()
        await self.post(f"{id}/pause")
        return id

    async def _completed(self) -> str:
        id = await self._going()
        await self.post(f"{id}/steps/held/skip")
        await self._native.until(id, "completed")
        return id

    async def _failing(self, until: str, undo: Reply | None = None) -> str:
        id = await self._going(undo)
        await self.post(f"{id}/steps/held/fail")
        await self._native.until(id, until)
        return id

    async def _canceled(self, until: str, undo: Reply | None = None) -> str:
        id = await self._going(undo)
        await self.delete(id)
        await self._native.until(id, until)
        return id

    async def _timed_out(self) -> str:
        id = await self._begin(*self._three(None), timeout_secs=1)
        await self._native.until(id, "timed_out")
        return id

    async def step(self, state: str) -> str:
        """Return the id of a run whose step `s` is in a state: `status (type)`."""
        status, _, kind = state.rstrip(")").partition(" (")
        match status:
            case "pending":
                return await self._begin(waiting("gate"), await self._step(kind, "gate"))
            case "running":
                return await self._running(kind)
            case "waiting":
                return await self._begun(kind, "waiting")
            case "completed":
                return await self._ended(kind)
            case "failed":
                return await self._failed(kind)
            case "skipped":
                return await self._until(await self._step(kind, condition="false"), "skipped")
            case _:
                return await self._stopped(kind)

    async def _step(self, kind: str, *needs: str, child: str = "held", **more: Any) -> Json:
        """Return the step `s` of a kind: one that goes on, unless more is said."""
        more = {"on_failure": "continue", **more}
        match kind:
            case "http":
                return calling(self._service, "s", *needs, **more)
            case "wait_for_event":
                return waiting("s", *needs, **more)
            case "sleep":
                return step("s", kind, *needs, **{"sleep_duration_secs": 60, **more})
            case "sub_workflow":
                return step("s", kind, *needs, sub_workflow_id=await self._child(child), **more)
            case _:
                return step("s", kind, *needs, **more)

    async def _child(self, which: str) -> str:
        """Store a workflow that waits, ends well, or ends badly; return its slug."""
        slug, peer = self._slug(), f"child-{which}"
        self._service.on(f"/{peer}", BAD if which == "bad" else reply())
        inner = waiting("inner") if which == "held" else calling(self._service, peer)
        await self._native.create(inner, slug=slug)
        return slug

    async def _until(self, one: Json, status: str) -> str:
        id = await self._begin(one, waiting("hold"))
        await self._native.until_step(id, "s", status)
        return id

    async def _begun(self, kind: str, status: str) -> str:
        return await self._until(await self._step(kind), status)

    async def _running(self, kind: str) -> str:
        if kind != "http, between two tries":
            self._service.on("/s", SLOW)
            return await self._begun(kind, "running")
        self._service.on("/s", BAD)
        policy: Json = {"retry_max_attempts": 3, "retry_initial_delay_secs": 600}
        id = await self._until(await self._step("http", **policy), "running")
        await self._native.until_it(id, "s", lambda found: found["error"] is not None)
        return id

    async def _ended(self, kind: str) -> str:
        match kind:
            case "sleep":
                return await self._until(
                    await self._step(kind, sleep_duration_secs=0.1), "completed"
                )
            case "http":
                return await self._begun(kind, "completed")
            case "sub_workflow":
                return await self._until(await self._step(kind, child="good"), "completed")
            case _:
                id = await self._begun(kind, "waiting")
        if kind == "approval":
            await self.post(f"{id}/steps/s/approve", headers=ANN)
        else:
            await self._native.send(f"s:{id}")
        await self._native.until_step(id, "s", "completed")
        return id

    async def _failed(self, kind: str) -> str:
        match kind:
            case "http":
                self._service.on("/s", BAD)
                return await self._begun(kind, "failed")
            case "sub_workflow":
                return await self._until(await self._step(kind, child="bad"), "failed")
            case _:
                id = await self._begun(kind, "waiting")
        verb = "reject" if kind == "approval" else "fail"
        await self.post(f"{id}/steps/s/{verb}", headers=ANN)
        await self._native.until_step(id, "s", "failed")
        return id

    async def _stopped(self, kind: str) -> str:
        goes_on = kind in ("http", "sub_workflow")
        self._service.on("/s", SLOW)
        id = await self._begun(kind, "running" if goes_on else "waiting")
        await self.delete(id)
        await self._native.until(id, "canceled")
        return id
