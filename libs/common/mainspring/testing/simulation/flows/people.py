"""Those who use flows: they store them, execute them, let them be started, decide and meddle.

A gentle person does nothing to a run that could end it badly; what a rough one has asked for is
kept, so that a run which ended badly without a reason can be told from one that had one.  Whoever
has set a schedule takes it away when the weather is calm, or a history would never end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

from mainspring.domain.message import Json
from mainspring.domain.rows import ApprovalRow, ExecutionRow, StarterRow, StepRow
from mainspring.http.instants import shown
from mainspring.testing.simulation.client import Answer
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.flows import requests as r
from mainspring.testing.simulation.flows import starters
from mainspring.testing.simulation.flows.script import Flow
from mainspring.testing.simulation.flows.starters import Delivery
from mainspring.testing.simulation.flows.tasks import PEOPLE, WAYS
from mainspring.testing.simulation.plot import Stage
from mainspring.testing.simulation.starts import Started
from mainspring.testing.simulation.world import EPOCH

LAST_START_S: Final = 8.0
TIDY_S: Final = 28.0
"""When schedules are taken away: what was on its way then has come."""

CRON_S: Final = 62.0
"""The same where a whole minute is waited for."""

SKEWED_S: Final = 4.0
"""What is so long ago is past by every clock."""

GOING: Final = ("pending", "running", "paused")
ENDED: Final = ("failed", "corrupted", "canceled", "timed_out")
LISTS: Final = (
    "/api/v1/flows",
    "/api/v1/triggers",
    "/api/v1/executions?limit=3",
    "/api/v1/executions?status=FAILED,running",
)
Act = Callable[[str], Awaitable[None]]


class Person:
    """One user with one flow, what starts it, and the runs of it."""

    def __init__(
        self, stage: Stage, chance: Chance, flow: Flow, name: str, *, others: Sequence[str]
    ) -> None:
        self.flow = flow
        self.starts: list[Started] = []
        self.deliveries: list[Delivery] = []
        self.harm: set[str] = set()
        self.unread: list[str] = []
        self.night = 0.0
        self._client = stage.client
        self._tables = stage.tables
        self._chance = chance
        self._name = name
        self._others = others
        self._names = frozenset(each.name for each in flow.family())
        self._id = ""
        self._hooks = [flow.hook] if flow.hook is not None else []
        self._keys = 0
        self._has_cron = flow.has_cron
        gentle: list[Act] = [
            *[self._decide] * 3,
            *[self._deliver] * 3,
            *[self._look] * 2,
            self._pause,
            self._change,
            self._toggle,
            self._backfill,
            *[self._again] * 2,
        ]
        rough: list[Act] = [
            self._reject,
            *[self._cancel] * 2,
            *[self._retry] * 3,
            self._force,
            *[self._reset] * 2,
        ]
        self._acts = gentle if flow.is_solid else [*gentle, *rough]

    async def act(self) -> None:
        """Store the flow, begin an execution of it, and do to it what the seed says."""
        chance = self._chance
        await asyncio.sleep(chance.between(0.0, LAST_START_S))
        if not await self._store():
            return
        for _ in range(chance.whole(1, 3)):
            await self._again("")
        if chance.hits(0.6):
            await self._start_by_itself()
        for _ in range(chance.whole(2, 6)):
            await asyncio.sleep(chance.around(1.5))
            if self.ids():
                await chance.pick(self._acts)(self._any())
        if not self.flow.is_solid:
            await self._regret()
        if chance.hits(0.15):
            await self._delete()
        await self._tidy()

    async def _regret(self) -> None:
        """Look now and then whether a run has ended badly, and have it, or a part, done again."""
        for _ in range(self._chance.whole(0, 2)):
            await asyncio.sleep(self._chance.around(3.0))
            if self.ids():
                await self._chance.pick([self._retry, self._reset, self._reset])(self._any())

    async def _store(self) -> bool:
        for flow in self.flow.family():
            body = await self._insist(r.store(flow), self._key())
            if body is None:
                self.harm.add("missing")
                return False
            self._id = body["id"] if flow.dialect == "flows" else flow.name
        return True

    def ids(self) -> list[str]:
        """Return the runs that are known to have been started."""
        started = (id for one in self.starts for id in one.ids)
        return sorted({*started, *(id for one in self.deliveries for id in one.ids)})

    # Asking.

    def _key(self) -> str:
        self._keys += 1
        return f"{self._name}-{self._keys}"

    async def _ask(self, wish: r.Wish, key: str = "") -> Answer | None:
        headers = {"idempotency-key": key} if key else {}
        return await self._client.ask(
            wish.verb, wish.path, wish.body, headers={**wish.headers, **headers}
        )

    async def _maybe_keyed(self, wish: r.Wish) -> Answer | None:
        return await self._ask(wish, self._key() if self._chance.hits(0.5) else "")

    async def _insist(
        self, wish: r.Wish, key: str, started: Started | Delivery | None = None
    ) -> Json:
        """Ask until there is an answer that settles it, or until patience is over.

        Returns the body of the good answer; None when it was refused, or is not known.
        """
        for _ in range(60):
            answer = await self._ask(wish, key)
            status = 0 if answer is None else answer.status
            if answer is not None and 200 <= status < 300:
                return answer.body if answer.body is not None else {}
            if answer is not None and 400 <= status < 500 and not _is_busy(answer):
                if isinstance(started, Started):
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
        times = 2 if self._chance.hits(0.2) else 1
        asks = (self._insist(wish, started.key, started) for _ in range(times))
        started.ids.update(_begun(body) for body in await asyncio.gather(*asks) if body is not None)

    def _inputs(self) -> dict[str, Json]:
        chance = self._chance
        inputs: dict[str, Json] = {
            "order": f"o-{chance.bits(16):x}",
            "way": chance.whole(0, WAYS - 1),
        }
        if self.flow.dialect == "flows" and chance.hits(0.5):
            inputs["nap"] = chance.pick([1, 2.5])
        return inputs

    async def _again(self, _: str) -> None:
        await self._begin(r.execute(self.flow, self._id, self._inputs()))

    # What starts it by itself.

    async def _start_by_itself(self) -> None:
        chance = self._chance
        kinds = ["schedule", "webhook", "webhook", *(["flow"] * 2 if self._others else [])]
        for kind in dict.fromkeys(chance.some(kinds, 2)):
            config = self._config(kind)
            made = await self._insist(
                r.trigger(self._id, kind, config, self._inputs()), self._key()
            )
            if kind == "webhook" and made is not None:
                self._hooks.append(starters.hook_of(config))

    def _config(self, kind: str) -> dict[str, Json]:
        chance = self._chance
        if kind == "flow":
            return starters.follower(chance, chance.pick(self._others))
        if kind == "webhook":
            return starters.webhook(chance, f"{self._name}-hook")
        config = starters.schedule(chance, night=self.night)
        self._has_cron = self._has_cron or "cron" in config
        return config

    async def _deliver(self, _: str) -> None:
        """Call the webhook, most of the time with a delivery that comes more than once."""
        chance = self._chance
        if not self._hooks:
            return
        hook = chance.pick(self._hooks)
        how = chance.pick(starters.ways(hook))
        name = f"{self._name}-d{len(self.deliveries)}"
        wanted = not hook.is_picky or chance.child(name).hits(0.6)
        delivery = Delivery(name, is_marked=how != "plain", is_wanted=wanted)
        self.deliveries.append(delivery)
        body: Json = {"delivery": name, "wanted": wanted}
        now = EPOCH + asyncio.get_running_loop().time()
        wish = r.Wish("POST", hook.path, body, starters.marks(hook, how, name, body, now))
        times = chance.pick([1, 2, 2, 3])
        if chance.hits(0.5):
            bodies = await asyncio.gather(*(self._call(wish, delivery) for _ in range(times)))
        else:
            bodies = [await self._call(wish, delivery) for _ in range(times)]
        delivery.ids.update(_begun(body) for body in bodies if body)
        delivery.turned_away = any(body == {} for body in bodies)

    async def _call(self, wish: r.Wish, delivery: Delivery) -> Json:
        """Call once; a sender who marks what it delivers calls until it is answered."""
        if delivery.is_marked:
            return await self._insist(wish, "", delivery)
        delivery.calls += 1
        answer = await self._ask(wish)
        good = answer is not None and 200 <= answer.status < 300
        return answer.body if answer is not None and good else None

    def _starters(self, kind: str = "") -> list[StarterRow]:
        """Return what starts this person's flow, as the store has it."""
        found = {row.catalog_id for row in self._rows()} | {self._id}
        return [
            row
            for row in self._tables.rows(StarterRow)
            if row.workflow in found and row.removed_at is None and kind in ("", row.kind)
        ]

    def _rows(self) -> list[ExecutionRow]:
        return [row for row in self._tables.rows(ExecutionRow) if row.name in self._names]

    async def _toggle(self, _: str) -> None:
        """Pause a trigger, and let it go on after a while."""
        rows = self._starters()
        if rows:
            id = self._chance.pick(rows).id
            await self._maybe_keyed(r.of_trigger(id, "pause"))
            await asyncio.sleep(self._chance.around(2.0))
            await self._maybe_keyed(r.of_trigger(id, "resume"))

    async def _backfill(self, _: str) -> None:
        rows = self._starters("schedule")
        if rows:
            until = EPOCH + asyncio.get_running_loop().time() - SKEWED_S
            span = shown(until - 12), shown(until)
            await self._insist(r.backfill(self._chance.pick(rows).id, *span), self._key())

    async def _tidy(self) -> None:
        """Take schedules away when all is calm."""
        until = max(CRON_S if self._has_cron else TIDY_S, TIDY_S + self.night)
        await asyncio.sleep(max(0.0, until - asyncio.get_running_loop().time()))
        for row in self._starters("schedule"):
            declared = row.origin == "definition"
            await self._insist(r.of_trigger(row.id, "pause") if declared else r.remove(row.id), "")

    # Finding something to do it to.

    def _any(self) -> str:
        """Return a run of one's own, whoever has started it."""
        going = [row.id for row in self._rows() if row.status in GOING]
        own = going if going and self._chance.hits(0.8) else [row.id for row in self._rows()]
        return self._chance.pick(own if own and self._chance.hits(0.8) else self.ids())

    def _run(self, id: str, *statuses: str) -> str:
        rows = [row.id for row in self._rows() if row.status in statuses]
        return self._chance.pick(rows) if rows and self._chance.hits(0.8) else id

    def _gate(self) -> ApprovalRow | None:
        own = {row.id for row in self._rows()}
        rows = [row for row in self._tables.rows(ApprovalRow) if row.execution in own]
        open_ = [row for row in rows if row.status == "pending"]
        return self._chance.pick(open_ or rows) if rows else None

    # What does no harm.

    async def _decide(self, _: str) -> None:
        gate, who = self._gate(), self._chance.pick(PEOPLE)
        if gate is not None:
            await self._maybe_keyed(
                r.decide(gate.id, "approve", who)
                if self._chance.hits(0.5)
                else r.of_step(gate.execution, gate.ref, "approve", who=who)
            )

    async def _pause(self, id: str) -> None:
        await self._maybe_keyed(r.of_execution(id, "pause"))
        if self._chance.hits(0.7):
            await asyncio.sleep(self._chance.around(3.0))
            await self._maybe_keyed(r.of_execution(id, "resume"))

    async def _look(self, id: str) -> None:
        """Read a run that was acknowledged: it must be there at once, at every replica."""
        for path in (f"{r.EXECUTIONS}/{id}", f"{r.EXECUTIONS}/{id}/logs"):
            answer = await self._ask(r.Wish("GET", path))
            if answer is not None and 400 <= answer.status < 500:
                self.unread.append(f"GET {path} answered {answer.status}")
        await self._ask(r.Wish("GET", self._chance.pick(LISTS)))

    async def _change(self, id: str) -> None:
        """Store another version: the runs that have begun do not mind."""
        bare = self._chance.hits(0.3)
        text = self.flow.changed(f"as {self._name} wants it after {id}", bare=bare)
        await self._maybe_keyed(r.change(self.flow, self._id, text))
        if self.flow.dialect == "flows" and self._chance.hits(0.3):
            await self._maybe_keyed(r.restore(self._id))

    # What may do harm.

    async def _reject(self, _: str) -> None:
        gate = self._gate()
        if gate is not None:
            self.harm.add("reject")
            await self._maybe_keyed(r.decide(gate.id, "reject", self._chance.pick(PEOPLE)))

    async def _cancel(self, id: str) -> None:
        self.harm.add("cancel")
        await self._maybe_keyed(r.of_execution(self._run(id, *GOING), "cancel"))

    async def _retry(self, id: str) -> None:
        self.harm.add("retry")
        act = self._chance.pick(["retry", "retry?fromFailed=true"])
        await self._begin(r.of_execution(self._run(id, *ENDED), act))

    def _step(self, id: str, *statuses: str) -> str | None:
        """Return a step of a run, most of the time one that is in such a status now."""
        rows = [row for row in self._tables.rows(StepRow) if row.execution == id]
        up = [row.ref for row in rows if row.phase == "up"]
        fits = [row.ref for row in rows if row.phase == "up" and row.status in statuses]
        if not up:
            return None
        return self._chance.pick(fits if fits and self._chance.hits(0.8) else up)

    async def _force(self, id: str) -> None:
        """Settle a step by hand."""
        act, body = self._chance.pick(
            [
                ("skip", {"reason": "not needed"}),
                ("force-complete", {"result": {"by": "hand"}}),
                ("fail", {"reason": "by hand"}),
            ]
        )
        ref = self._step(id, "waiting", "sleeping", "retrying", "reset")
        if ref is not None:
            self.harm.add(act)
            await self._maybe_keyed(r.of_step(id, ref, act, body))

    async def _reset(self, id: str) -> None:
        """Have a step, or all that came after it too, done again in place."""
        act = self._chance.pick(["retry", "replay-subtree"])
        id = self._run(id, *ENDED, "running")
        ref = self._step(id, "succeeded", "failed", "skipped", "canceled")
        if ref is not None:
            self.harm.add("reset")
            await self._maybe_keyed(r.of_step(id, ref, act))

    async def _delete(self) -> None:
        """Delete the flow: what has begun goes on, and nothing starts it any more."""
        self.harm.add("missing")
        await self._insist(r.delete(self.flow, self._id), "")


def _begun(body: Json) -> str:
    found = cast("dict[str, str]", body)
    return found.get("executionId") or found["execution_id"]


def _is_busy(answer: Answer) -> bool:
    """Say whether the first try with a key is still being answered."""
    return answer.status == 409 and "idempotency" in repr(answer.body).lower()
