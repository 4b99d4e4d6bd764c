"""What a history is about: workflows drawn from the seed, in the words of the sagas dialect.

A workflow is made from its end to its beginning, so that `next` always names what exists.  Some
workflows are solid: every peer of theirs answers well and in time.  Such a run must succeed
whatever happens to us, which is the strongest thing that can be said of it.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from mainspring.domain.message import Json
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.peers import Peers, Plan
from mainspring.testing.simulation.plans import Planner

_OK_WHEN: Json = {"==": [{"var": "callback.body.ok"}, True]}
_FAILED_WHEN: Json = {"==": [{"var": "callback.body.ok"}, False]}

Node = dict[str, Any]


class Workflow(msgspec.Struct, frozen=True):
    """A definition as it is sent, and what is known of it beforehand."""

    source: Json
    is_solid: bool
    sleeps: tuple[str, ...]
    steps: int


class Writer:
    """Writes one workflow."""

    def __init__(self, chance: Chance, peers: Peers, name: str) -> None:
        self._chance = chance
        self._peers = peers
        self._name = name
        self._nodes: list[Node] = []
        self._is_solid = chance.hits(0.4)
        self._planner = Planner(chance, is_solid=self._is_solid)
        # Loops and compensations exclude each other in one workflow.
        self._loops = chance.hits(0.25)
        self._kinds: list[Callable[[str | None, int], str]] = [
            *[self._task] * 5,
            *[self._asynchronous] * 2,
            self._sleep,
            self._switch,
            self._split,
            self._loop if self._loops else self._task,
        ]

    def workflow(self) -> Workflow:
        """Return a definition with its peers made, now and then in the older form."""
        return self._older() if self._chance.hits(0.15) else self._graph()

    def _older(self) -> Workflow:
        """Write steps that follow each other as they stand."""
        steps: list[Node] = []
        for n in range(self._chance.whole(1, 4)):
            step: Node = {"name": f"step{n}", "up": self._call(f"step{n}", self._planner.plan())}
            step["down"] = self._call(f"step{n}-down", self._planner.plan(worst=0.12))
            steps.append(step)
        source: Node = {"name": self._name, "version": "v1", "steps": steps}
        if self._chance.hits(0.7):
            source["failureHandling"] = self._policy()
        return Workflow(source, self._is_solid, (), len(steps))

    def _graph(self) -> Workflow:
        entry = self._chain(None, 0)
        source: Node = {
            "name": self._name,
            "version": "v1",
            "failureHandling": self._policy(),
            "entrypoint": entry,
            "nodes": self._nodes,
        }
        for hook in ("onSuccessCallback", "onFailureCallback"):
            if self._chance.hits(0.3):
                source[hook] = self._call(hook, self._planner.plan())
        sleeps = tuple(node["id"] for node in self._nodes if node["kind"] == "sleep")
        return Workflow(source, self._is_solid, sleeps, len(self._nodes))

    def _policy(self) -> Node:
        tries = self._chance.whole(0, 3)
        delay = self._chance.whole(20, 1500)
        if self._chance.hits(0.5):
            return {"type": "retry", "maxAttempts": tries, "delayMillis": delay}
        return {
            "type": "backoff",
            "maxAttempts": tries,
            "initialDelayMillis": delay,
            "maxDelayMillis": 3000,
            "multiplier": 2.0,
            "jitterRatio": self._chance.pick([0.0, 0.3]),
        }

    def _chain(self, after: str | None, depth: int) -> str:
        """Write some nodes that lead to `after`; return the first one's id."""
        entry = after
        for _ in range(self._chance.whole(1, 3 if depth == 0 else 1)):
            simple = [self._task, self._task, self._asynchronous, self._sleep]
            entry = self._chance.pick(self._kinds if depth < 2 else simple)(entry, depth)
        assert entry is not None
        return entry

    def _add(self, node: Node, after: str | None) -> str:
        if after is not None:
            node["next"] = after
        self._nodes.append(node)
        return str(node["id"])

    def _id(self, kind: str) -> str:
        return f"{kind}{len(self._nodes)}-{self._chance.bits(16):04x}"

    def _task(self, after: str | None, depth: int) -> str:
        id = self._id("task")
        call = self._call(id, self._planner.plan())
        node: Node = {"kind": "task", "id": id, "action": {"mode": "sync", "request": call}}
        if not self._is_solid and self._chance.hits(0.3):
            node["timeoutMillis"] = self._chance.whole(500, 4000)
        if not self._loops and self._chance.hits(0.4):
            node["compensation"] = self._call(f"{id}-down", self._planner.plan(worst=0.12))
        return self._add(node, after)

    def _asynchronous(self, after: str | None, depth: int) -> str:
        id = self._id("ask")
        timeout = 900.0 if self._is_solid else self._chance.between(1.5, 8.0)
        action = {
            "mode": "async",
            "request": self._call(id, self._planner.answering(timeout)),
            "callback": {
                "timeoutMillis": int(timeout * 1000),
                "successWhen": _OK_WHEN,
                "failureWhen": _FAILED_WHEN,
            },
        }
        node: Node = {"kind": "task", "id": id, "action": action}
        if not self._loops and self._chance.hits(0.3):
            node["compensation"] = self._call(f"{id}-down", self._planner.plan(worst=0.12))
        return self._add(node, after)

    def _sleep(self, after: str | None, depth: int) -> str:
        millis = int(1000 * self._chance.around(2.5)) + 1
        return self._add(
            {"kind": "sleep", "id": self._id("sleep"), "durationMillis": millis}, after
        )

    def _switch(self, after: str | None, depth: int) -> str:
        ways = [self._chain(after, depth + 1) for _ in range(self._chance.whole(2, 3))]
        cases = [
            {"when": {"==": [{"var": "payload.way"}, way]}, "target": target}
            for way, target in enumerate(ways[1:])
        ]
        node = {"kind": "switch", "id": self._id("switch"), "cases": cases, "default": ways[0]}
        return self._add(node, None)

    def _split(self, after: str | None, depth: int) -> str:
        join: Node = {"kind": "join", "id": self._id("join")}
        if self._chance.hits(0.3):
            join["onBranchFailure"] = "continue"
        meet = self._add(join, after)
        branches = [self._chain(meet, depth + 1) for _ in range(self._chance.whole(2, 3))]
        return self._add(
            {"kind": "split", "id": self._id("split"), "branches": branches, "join": meet}, None
        )

    def _loop(self, after: str | None, depth: int) -> str:
        """Write a task that is visited a few times: its peer says which visit it is."""
        end = after or self._task(None, depth)
        again, body = self._id("again"), self._id("body")
        call = self._call(body, self._planner.plan(worst=0.05))
        rounds = self._chance.whole(2, 4)
        seen = {"var": f"nodes.{body}.response.body.visit"}
        cases = [{"when": {"<": [seen, rounds]}, "target": body}]
        self._add({"kind": "switch", "id": again, "cases": cases, "default": end}, None)
        node = {"kind": "task", "id": body, "action": {"mode": "sync", "request": call}}
        return self._add(node, again)

    # Calls and the peers behind them.

    def _call(self, name: str, plan: Plan) -> Node:
        body = {"order": "{{payload.order}}", "saga": "{{sagaId}}", "before": "{{prev.body}}"}
        url = self._peers.plan(f"{self._name}/{name}", plan)
        return {"url": url, "verb": "POST", "body": body}
