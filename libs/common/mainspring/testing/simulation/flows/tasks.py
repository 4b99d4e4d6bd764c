"""The tasks of a flow, drawn from the seed: calls, pure work, choices, loops, waits, other flows.

What only a fragile flow has (a failure, a time limit, a gate that may be late) is noted, so that a
run which ends badly without a reason can be told from one that had one.  Names are given once.
"""

from collections.abc import Callable
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.peers import Peers, Plan
from mainspring.testing.simulation.plans import Planner

PEOPLE: Final = ("ann", "bob", "cleo")
WAYS: Final = 3
"""How many ways a flow may go, by its input `way`."""

COUNTER: Final = "counter"
"""The key under which all flows count."""

KEPT: Final = frozenset({"http.request", "flow.chunk", "flow.limit", "flow.map", "flow.merge"})
"""Types of tasks whose outputs may be kept: what others do is counted."""

Task = dict[str, Any]


class Tasks:
    """Draws tasks of one flow; what was drawn is told beside them."""

    def __init__(self, chance: Chance, peers: Peers, flow: str, *, is_solid: bool) -> None:
        self.may_fail = False
        self.gates: list[str] = []
        self.calls = 0
        self._chance = chance
        self._peers = peers
        self._flow = flow
        self._is_solid = is_solid
        self._planner = Planner(chance, is_solid=is_solid)
        self._count = 0
        self._simple: list[Callable[[], Task]] = [
            *[self._http] * 4,
            self._log,
            self._set,
            *[self._tool] * 2,
            self._fail,
            self._set if is_solid else self._keep,
        ]
        self._nested: list[Callable[[int], Task]] = [
            self._if,
            self._switch,
            self._parallel,
            *[self._loop] * 2,
        ]
        self._waits: list[Callable[[], Task]] = [*[self._sleep] * 3, *[self._gate] * 2]

    def some(self, most: int, *, depth: int = 0) -> list[Task]:
        """Return a list of tasks: one after another, or a graph."""
        tasks = [self.task(depth) for _ in range(self._chance.whole(1, most))]
        if len(tasks) > 1 and self._chance.hits(0.5):
            for at, task in enumerate(tasks[1:], 1):
                before = [each["name"] for each in tasks[:at]]
                task["dependsOn"] = self._chance.some(before, 2) if self._chance.hits(0.7) else []
        if tasks[-1]["type"] == "core.parallel" and self._own("read").hits(0.6):
            name = tasks[-1]["name"]
            read = f"{{{{ outputs[{name!r}] | default(none) }}}}"
            reader = self.named("core.set", values={"read": read})
            if any("dependsOn" in each for each in tasks):
                reader["dependsOn"] = [name]
            tasks.append(reader)
        return tasks

    def task(self, depth: int = 0, *, waits: bool = True) -> Task:
        """Return one task."""
        chance = self._chance
        if depth < 2 and chance.hits(0.35 if depth == 0 else 0.15):
            task = chance.pick(self._nested)(depth)
        elif waits and chance.hits(0.4):
            task = chance.pick(self._waits)()
        else:
            task = self._tried(chance.pick(self._simple)())
        if chance.hits(0.15):
            task["when"] = self._condition()
        if chance.hits(0.15):
            task["continueOnError"] = True
        return task

    def plain(self) -> Task:
        """Return a task that takes no time and cannot fail."""
        return self._chance.pick([self._log, self._set])()

    def call(self) -> Task:
        """Return a call of a peer."""
        return self._tried(self._http())

    def fragile(self, rate: float) -> bool:
        """Say whether something is drawn that can make a run fail by itself."""
        hits = not self._is_solid and self._chance.hits(rate)
        self.may_fail = self.may_fail or hits
        return hits

    def named(self, type: str, **properties: Json) -> Task:
        """Return a task under a new name."""
        self._count += 1
        return {"name": f"t{self._count}", "type": type, "properties": properties}

    def _condition(self) -> str:
        way = self._chance.whole(0, WAYS - 1)
        return self._chance.pick([f"{{{{ inputs.way != {way} }}}}", f"inputs.way == {way}"])

    def _tried(self, task: Task) -> Task:
        """Say of a task how often it is tried, how long it may take, and for whom it is done."""
        chance = self._chance
        if chance.hits(0.6):
            task["retry"] = {
                "maxAttempts": chance.whole(1, 4),
                "delay": chance.pick([0.1, 1, "1500ms"]),
                "backoff": chance.pick(["constant", "linear", "exponential"]),
                "maxDelay": 3,
                "jitter": chance.pick([0, 0.3]),
            }
        if not self._is_solid and chance.hits(0.2):
            # As with peers: who is too slow for it is to blame, or else the machine is.
            self.may_fail = True
            task["timeout"] = chance.whole(1, 4)
        if chance.hits(0.2):
            task["forEach"] = self._items() if chance.hits(0.5) else self._timed(self._over())
        if task["type"] in KEPT and (own := self._own("cache")).hits(0.3):
            ttl = own.pick([5, "1h"])
            task["cache"] = own.pick([True, ttl, {"ttl": ttl, "key": "{{ inputs.way }}"}])
        return task

    def _over(self) -> Task:
        chance = self._chance
        return {
            "items": self._items(),
            "concurrency": chance.whole(0, 3),
            "failFast": chance.hits(0.3),
            "batchSize": chance.pick([1, 1, 2]),
        }

    def _timed(self, loop: Task) -> Task:
        """Say now and then how long a loop may take: it may then be too slow."""
        own = self._own("loop")
        if not self._is_solid and own.hits(0.2):
            self.may_fail, loop["timeout"] = True, own.whole(1, 8)
        return loop

    def _own(self, what: str) -> Chance:
        """Return a chance that is drawn beside the others, so that they stay what they are."""
        return self._chance.child(f"{what}-{self._count}")

    def _items(self) -> Json:
        items = [self._chance.whole(0, 9) for _ in range(self._chance.whole(0, 4))]
        return self._chance.pick([items, "{{ vars.list }}"])

    # What takes no time.

    def _log(self) -> Task:
        level = self._chance.pick(["TRACE", "INFO", "WARN", "ERROR"])
        return self.named("util.log", message="{{ inputs.order }} at {{ task.step }}", level=level)

    def _set(self) -> Task:
        values = {
            "n": self._chance.whole(0, 9),
            "order": "{{ inputs.order }}",
            "flow": "{{ flow }}",
        }
        return self.named("core.set", values=values)

    def _tool(self) -> Task:
        items = "{{ vars.list }}"
        return self._chance.pick(
            [
                lambda: self.named("flow.chunk", items=items, size=2),
                lambda: self.named("flow.limit", items=items, count=2, offset=1),
                lambda: self.named("flow.unique", items=items),
                lambda: self.named("flow.map", items=items, expression="item * 2"),
                lambda: self.named("flow.merge", left=items, right=["{{ inputs.way }}"]),
            ]
        )()

    def _fail(self) -> Task:
        self.may_fail = self.may_fail or not self._is_solid
        # What a solid flow does never goes this way.
        way = WAYS if self._is_solid else self._chance.whole(0, WAYS - 1)
        return self.named(
            "core.fail", message="not this way", condition=f"{{{{ inputs.way == {way} }}}}"
        )

    def _keep(self) -> Task:
        """Count in the project's store, which may be away and then fails whoever counts."""
        self.may_fail = True
        return self.named("util.kv", op="incr", key=COUNTER)

    # What takes time.

    def _http(self) -> Task:
        self.calls += 1
        task = self.named("http.request", method="POST", json={"order": "{{ inputs.order }}"})
        task["properties"]["url"] = self._peer(task["name"], self._planner.plan())
        return task

    def _peer(self, name: str, plan: Plan) -> str:
        return self._peers.plan(f"{self._flow}/{name}", plan)

    def _sleep(self) -> Task:
        nap = self._chance.pick([0.5, "3s", "PT5S", "{{ inputs.nap }}"])
        return self.named("core.sleep", duration=nap)

    def _gate(self) -> Task:
        chance = self._chance
        task = self.named("core.gate", message="{{ inputs.order }}?")
        own = task["properties"]
        if chance.hits(0.5):
            own["approvers"] = {"users": list(PEOPLE[:2])}
        own["required"] = chance.pick([1, 1, 2])
        if self.fragile(0.4):
            own["timeout"] = chance.whole(1, 12)
            own["onTimeout"] = chance.pick(["fail", "approve", "reject"])
        if chance.child("notify").hits(0.3):
            told = [f"{self._flow}/{task['name']}-told-{n}" for n in range(chance.whole(1, 2))]
            own["notify"] = [self._peers.plan(one, self._planner.plan()) for one in told]
        if chance.child("rejected").hits(0.3):
            own["onReject"] = [self.plain()]
        self.gates.append(task["name"])
        return task

    # What has tasks inside.

    def _if(self, depth: int) -> Task:
        task = self.named("core.if", condition=self._condition())
        task["properties"]["then"] = self.some(2, depth=depth + 1)
        if self._chance.hits(0.5):
            task["properties"]["else"] = self.some(2, depth=depth + 1)
        return task

    def _switch(self, depth: int) -> Task:
        cases = {key: self.some(1, depth=depth + 1) for key in ("0", "re:[12]")}
        task = self.named("core.switch", value="{{ inputs.way }}", cases=cases)
        if self._chance.hits(0.5):
            task["properties"]["default"] = [self.plain()]
        return task

    def _parallel(self, depth: int) -> Task:
        branches = {key: self.some(2, depth=depth + 1) for key in ("left", "right")}
        task = self.named("core.parallel", branches=branches, failFast=self._chance.hits(0.3))
        if (own := self._own("width")).hits(0.5):
            task["properties"]["concurrency"] = own.whole(1, 2)
        return task

    def _loop(self, depth: int) -> Task:
        inner = [self.task(2, waits=self._chance.hits(0.3))]
        if self._chance.hits(0.5):
            inner.append(self.named("util.log", message="{{ item }} is {{ index }}"))
        loop = self.named("core.forEach", **self._over(), tasks=inner)
        return self._timed(loop)
