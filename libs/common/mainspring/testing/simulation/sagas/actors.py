"""Those who start runs and then meddle: impatient, forgetful, and sometimes cruel."""

import asyncio
from typing import Final

from mainspring.domain.message import Json
from mainspring.testing.simulation.client import Answer, Client
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.sagas.script import Workflow
from mainspring.testing.simulation.starts import Started

LAST_START_S: Final = 14.0
_UNWANTED: Final = ("FAILED", "CORRUPTED")


class SagaStarted(Started, kw_only=True):
    """What is known of one start of a saga, and what its user asked for after it."""

    workflow: Workflow
    cancel_asked: bool = False
    retry_asked: bool = False


class Actor:
    """One user with one run."""

    def __init__(self, client: Client, chance: Chance, workflow: Workflow, key: str) -> None:
        self.started = SagaStarted(key, workflow=workflow)
        self._client = client
        self._chance = chance
        self._stored = chance.hits(0.4)
        self._payload: Json = {"order": f"o-{chance.bits(24):x}", "way": chance.whole(0, 2)}
        self._gives_up = chance.hits(0.15)

    async def act(self) -> None:
        """Start the run, and do to it what the seed says."""
        await asyncio.sleep(self._chance.between(0.0, LAST_START_S))
        if self._stored and not await self._store():
            self._stored = False
        await self._start()
        if self._chance.hits(0.3):
            # A second click, while the first may still be on its way or long be over.
            await self._start()
        if not self.started.ids:
            return
        id = next(iter(self.started.ids))
        await self._look(id)
        if self.started.workflow.sleeps and self._chance.hits(0.5):
            await self._wake(id)
        if self._chance.hits(0.2):
            await self._pause(id)
        if self._chance.hits(0.15):
            await self._cancel(id)
        elif self._chance.hits(0.6):
            await self._retry(id)

    async def _insist(self, path: str, body: Json, key: str) -> Answer | None:
        """Ask until there is an answer that settles it, or until patience is over."""
        headers = {"idempotency-key": key}
        answer: Answer | None = None
        for _ in range(2 if self._gives_up else 60):
            answer = await self._client.ask("POST", path, body, headers=headers)
            if (
                answer is not None
                and answer.status
                and answer.status < 500
                and not (answer.status == 409 and path.endswith("run"))
            ):
                return answer
            if answer is None or answer.status >= 500:
                self.started.unknown = True
            await asyncio.sleep(self._chance.around(1.0))
        return answer

    async def _store(self) -> bool:
        key = f"{self.started.key}-define"
        answer = await self._insist("/sagas/definitions", self.started.workflow.source, key)
        return answer is not None and answer.status in (200, 201)

    async def _start(self) -> None:
        started, source = self.started, self.started.workflow.source
        if self._stored:
            path = f"/sagas/definitions/{source['name']}/{source['version']}/run"
            body: Json = {"payload": self._payload}
        else:
            path, body = "/sagas/run", {"definition": source, "payload": self._payload}
        twice = self._chance.hits(0.15)
        answers = await asyncio.gather(
            *(self._insist(path, body, started.key) for _ in range(2 if twice else 1))
        )
        for answer in answers:
            if answer is not None and answer.status == 202:
                started.ids.add(answer.body["id"])
            elif answer is not None and 400 <= answer.status < 500:
                started.refused.add(answer.status)

    async def _look(self, id: str) -> str:
        """Read a run that was acknowledged: it must be there at once, at every replica."""
        answer = await self._client.ask("GET", f"/sagas/{id}")
        if answer is None or answer.status == 0 or answer.status >= 500:
            return ""
        if answer.status != 200:
            self.started.unread.append(f"GET /sagas/{id} answered {answer.status}")
            return ""
        return str(answer.body["status"])

    async def _wake(self, id: str) -> None:
        await asyncio.sleep(self._chance.around(3.0))
        await self._client.ask("POST", f"/sagas/{id}/wake")

    async def _pause(self, id: str) -> None:
        """Hold a run back, and let it go on after a while, or leave that to others."""
        await asyncio.sleep(self._chance.around(2.0))
        await self._client.ask("POST", f"/v1/workflow-runs/{id}/pause")
        if self._chance.hits(0.7):
            await asyncio.sleep(self._chance.around(4.0))
            await self._client.ask("POST", f"/v1/workflow-runs/{id}/resume")

    async def _cancel(self, id: str) -> None:
        await asyncio.sleep(self._chance.around(3.0))
        self.started.cancel_asked = True
        await self._client.ask("POST", f"/sagas/{id}/cancel")

    async def _retry(self, id: str) -> None:
        """Look now and then; ask for a retry when it failed, twice at most."""
        retries = 0
        for _ in range(6):
            await asyncio.sleep(self._chance.around(4.0))
            status = await self._look(id)
            if status == "SUCCEEDED" or (status in _UNWANTED and retries == 2):
                return
            if status in _UNWANTED:
                retries += 1
                self.started.retry_asked = True
                await self._client.ask("POST", f"/sagas/{id}/retry")
