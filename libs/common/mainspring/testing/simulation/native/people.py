"""Those who use the native dialect: they start runs, send events, decide, and meddle with steps.

A gentle person does nothing to a run that could end it badly; what a rough one has asked for is
kept, so that a run which ended badly without a reason can be told from one that had one.  Most
wishes fit what the store holds at that moment, or hardly any would be granted; the others do not.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from mainspring.domain.message import Json
from mainspring.domain.rows import ExecutionRow, StepRow, TriggerRow
from mainspring.testing.simulation.client import Answer
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.native import requests as r
from mainspring.testing.simulation.native.script import PEOPLE, Wait, Workflow
from mainspring.testing.simulation.plot import Stage
from mainspring.testing.simulation.starts import Started
from mainspring.testing.simulation.world import EPOCH

LAST_START_S: Final = 10.0
ENDED: Final = ("failed", "corrupted", "canceled", "timed_out")
LISTS: Final = (
    "/v1/events?status=waiting&project_id=default",
    "/v1/events/stats",
    "/v1/workflow-runs?project_id=default&limit=3",
    "/v1/workflow-runs?status=failed,compensated",
    "/v1/workflows",
)
NOBODY: Final = "01a00000-0000-7000-8000-00000000dead"

Act = Callable[[str], Awaitable[None]]


class Person:
    """One user with one workflow and the runs of it."""

    def __init__(self, stage: Stage, chance: Chance, workflow: Workflow, name: str) -> None:
        self.workflow = workflow
        self.starts: list[Started] = []
        self.harm: set[str] = set()
        self.replays: Counter[str] = Counter()
        self._client = stage.client
        self._tables = stage.tables
        self._chance = chance
        self._name = name
        self._slugs = frozenset(each.slug for each in workflow.family())
        self._order = f"o-{chance.bits(24):x}"
        self._keys = 0
        gentle: list[Act] = [
            *[self._send] * 4,
            *[self._decide] * 3,
            self._send_early,
            *[self._send_late] * 2,
            self._pause,
            *[self._look] * 2,
            self._change,
        ]
        rough: list[Act] = [
            self._send_prefix,
            self._cancel_trigger,
            self._reject,
            *[self._force] * 2,
            self._cancel,
            self._purge,
            *[self._retry] * 2,
            *[self._reset] * 3,
            self._bulk,
        ]
        self._acts = gentle if workflow.is_solid else [*gentle, *rough]

    async def act(self) -> None:
        """Store the workflow, start a run of it, and do to it what the seed says."""
        chance = self._chance
        await asyncio.sleep(chance.between(0.0, LAST_START_S))
        for workflow in self.workflow.family():
            if await self._insist(r.define(workflow.source), self._key()) is None:
                self.harm.add("missing")
        if chance.hits(0.5):
            await self._send_early(NOBODY)
        await self._start()
        for _ in range(chance.whole(1, 5)):
            await asyncio.sleep(chance.around(2.0))
            if not self.ids():
                return
            await chance.pick(self._acts)(self._any())
        if not self.workflow.is_solid:
            await self._regret()

    async def _regret(self) -> None:
        """Look now and then whether a run has ended badly, and have it, or a part, done again."""
        for _ in range(self._chance.whole(0, 3)):
            await asyncio.sleep(self._chance.around(5.0))
            if not self.ids():
                return
            again = self._chance.pick([self._retry, self._reset, self._reset, self._bulk])
            await again(self._any())

    def ids(self) -> list[str]:
        """Return the runs that are known to have been started."""
        return sorted(id for started in self.starts for id in started.ids)

    # Asking.

    def _key(self) -> str:
        self._keys += 1
        return f"{self._name}-{self._keys}"

    async def _ask(self, wish: r.Wish, key: str = "") -> Answer | None:
        headers = {"idempotency-key": key} if key else {}
        if wish.who:
            headers["x-actor-id"] = wish.who
        return await self._client.ask(wish.verb, wish.path, wish.body, headers=headers)

    async def _insist(self, wish: r.Wish, key: str, started: Started | None = None) -> Json:
        """Ask until there is an answer that settles it, or until patience is over.

        Returns the body of the good answer; None when it was refused, or is not known.
        """
        for _ in range(60):
            answer = await self._ask(wish, key)
            status = 0 if answer is None else answer.status
            if answer is not None and 200 <= status < 300:
                return answer.body
            if answer is not None and 400 <= status < 500 and not _is_busy(answer):
                if started is not None:
                    started.refused.add(status)
                return None
            if started is not None and (answer is None or status >= 500):
                started.unknown = True
            await asyncio.sleep(self._chance.around(1.0))
        return None

    async def _begin(self, wish: r.Wish) -> None:
        """Ask for a run, now and then twice at once."""
        started = Started(self._key())
        self.starts.append(started)
        times = 2 if self._chance.hits(0.15) else 1
        asks = (self._insist(wish, started.key, started) for _ in range(times))
        for body in await asyncio.gather(*asks):
            if body is not None:
                started.ids.add(body["id"])

    async def _start(self) -> None:
        payload = {"order": self._order, "way": self._chance.whole(0, 2)}
        await self._begin(r.trigger(self.workflow.slug, payload))

    async def _maybe_keyed(self, wish: r.Wish) -> Answer | None:
        return await self._ask(wish, self._key() if self._chance.hits(0.5) else "")

    # Finding something to do it to.

    def _any(self) -> str:
        """Return a run that was started, now and then one that such a run has started."""
        own = [row.id for row in self._tables.rows(ExecutionRow) if row.name in self._slugs]
        return self._chance.pick(own if own and self._chance.hits(0.3) else self.ids())

    def _ref(self, id: str, *statuses: str, kind: str = "") -> str:
        """Return a step, most of the time one that is in such a status now."""
        rows = [
            row.ref
            for row in self._tables.rows(StepRow)
            if row.execution == id
            and row.phase == "up"
            and row.status in statuses
            and kind in ("", row.kind)
        ]
        fits = rows and self._chance.hits(0.8)
        return self._chance.pick(rows if fits else self.workflow.refs)

    def _run(self, id: str, *statuses: str) -> str:
        """Return a run of one's own, most of the time one that is in such a status now."""
        rows = [
            row.id
            for row in self._tables.rows(ExecutionRow)
            if row.name in self._slugs and row.status in statuses
        ]
        return self._chance.pick(rows) if rows and self._chance.hits(0.8) else id

    def _awaited(self, id: str) -> str | None:
        """Return a key, most of the time one that is waited for now."""
        names = {wait.name for each in self.workflow.family() for wait in each.waits}
        rows = [
            row.key
            for row in self._tables.rows(TriggerRow)
            if row.status == "waiting" and row.key.partition("/")[2] in names
        ]
        if rows and self._chance.hits(0.6):
            return self._chance.pick(rows)
        wait = self._wait()
        return None if wait is None else wait.key(id, self._order)

    # What does no harm.

    def _wait(self) -> Wait | None:
        waits = [wait for each in self.workflow.family() for wait in each.waits]
        return self._chance.pick(waits) if waits else None

    def _payload(self) -> Json:
        return {"n": self._chance.whole(0, 1)}

    async def _send(self, id: str) -> None:
        key = self._awaited(id) if self._chance.hits(0.9) else "nobody:waits/here"
        if key is None:
            return
        for _ in range(self._chance.pick([1, 1, 2])):
            await self._maybe_keyed(r.send(key, self._payload()))

    async def _send_late(self, _: str) -> None:
        """Send an event to a wait just when its time is over."""
        rows = [row for row in self._tables.rows(TriggerRow) if row.status == "waiting"]
        ends = [(row.expires_at, row.key) for row in rows if row.expires_at is not None]
        if ends:
            at, key = self._chance.pick(sorted(ends))
            soon = at - EPOCH + self._chance.pick([0.0, 0.001, 0.02, 0.5])
            await asyncio.sleep(max(0.0, soon - asyncio.get_running_loop().time()))
            await self._maybe_keyed(r.send(key, self._payload()))

    async def _send_early(self, id: str) -> None:
        wait = self._wait()
        if wait is not None:
            kept_for = self._chance.whole(5, 60)
            wish = r.send(wait.key(id, self._order), self._payload(), kept_for=kept_for)
            await self._maybe_keyed(wish)

    async def _decide(self, id: str) -> None:
        if self.workflow.approvals:
            ref = self._ref(id, "waiting", kind="approval")
            wish = r.of_step(id, ref, "approve", {"comment": "fine"}, self._chance.pick(PEOPLE))
            await self._maybe_keyed(wish)

    async def _pause(self, id: str) -> None:
        await self._maybe_keyed(r.of_run(id, "pause"))
        if self._chance.hits(0.7):
            await asyncio.sleep(self._chance.around(3.0))
            await self._maybe_keyed(r.of_run(id, "resume"))

    async def _look(self, id: str) -> None:
        """Read a run that was acknowledged: it must be there at once, at every replica."""
        for path in (f"{r.RUNS}/{id}", f"{r.RUNS}/{id}/steps"):
            answer = await self._ask(r.Wish("GET", path))
            if answer is not None and 400 <= answer.status < 500:
                self.starts[0].unread.append(f"GET {path} answered {answer.status}")
        await self._ask(r.Wish("GET", self._chance.pick(LISTS)))

    async def _change(self, id: str) -> None:
        """Store another version: the runs that have begun do not mind."""
        slug = self._chance.pick(sorted(self._slugs))
        await self._maybe_keyed(r.change(slug, f"as {self._name} wants it after {id}"))

    async def _purge(self, _: str) -> None:
        await self._maybe_keyed(r.purge())

    # What may do harm.

    async def _harm(self, wish: r.Wish, what: str) -> Answer | None:
        self.harm.add(what)
        return await self._maybe_keyed(wish)

    async def _send_prefix(self, id: str) -> None:
        prefix = self._chance.pick([f"run:{id}", f"order:{self._order}", "shared:"])
        await self._maybe_keyed(r.send_prefix(prefix, self._payload()))

    async def _cancel_trigger(self, id: str) -> None:
        key = self._awaited(id)
        if key is not None:
            await self._harm(r.cancel_trigger(key), "cancel trigger")

    async def _reject(self, id: str) -> None:
        if self.workflow.approvals:
            ref = self._ref(id, "waiting", kind="approval")
            wish = r.of_step(id, ref, "reject", {"reason": "no"}, self._chance.pick(PEOPLE))
            await self._harm(wish, "reject")

    async def _force(self, id: str) -> None:
        act, body = self._chance.pick(
            [
                ("skip", {"reason": "not needed"}),
                ("force-complete", {"result": {"by": "hand"}}),
                ("fail", {"reason": "by hand"}),
            ]
        )
        ref = self._ref(id, "waiting", "sleeping", "retrying", "reset")
        await self._harm(r.of_step(id, ref, act, body), act)

    async def _cancel(self, id: str) -> None:
        await self._harm(r.cancel(id), "cancel")

    async def _retry(self, id: str) -> None:
        self.harm.add("retry")
        await self._begin(r.of_run(self._run(id, *ENDED), "retry"))

    async def _reset(self, id: str) -> None:
        act = self._chance.pick(["retry", "replay-subtree"])
        id = self._run(id, *ENDED, "running")
        ref = self._ref(id, "succeeded", "failed", "skipped", "canceled")
        await self._harm(r.of_step(id, ref, act), act)

    async def _bulk(self, id: str) -> None:
        ids = [*self._chance.some(sorted({*self.ids(), id}), 3), NOBODY]
        if self._chance.hits(0.5):
            await self._harm(r.bulk("bulk-cancel", ids), "cancel")
            return
        self.replays.update(ids)
        self.harm.add("retry")
        await self._ask(r.bulk("bulk-replay", ids))


def _is_busy(answer: Answer) -> bool:
    """Say whether the first try with a key is still being answered."""
    return answer.status == 409 and "idempotency" in repr(answer.body).lower()
