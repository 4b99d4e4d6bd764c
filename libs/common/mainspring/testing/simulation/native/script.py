"""Workflows of the native dialect, drawn from the seed: dags of calls, waits and decisions.

Each step needs some of those before it.  A solid workflow has peers that answer well, no time-outs
and keys of its own, so a run of it must complete unless somebody ends it.  Keys come in three
kinds: of the run, of its order (known before the run is), and shared with other runs.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from mainspring.domain.message import Json
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.peers import Peers, Plan
from mainspring.testing.simulation.plans import Planner

PEOPLE: Final = ("ann", "bob", "cleo")
SHARED: Final = 2
"""How many keys are shared by all workflows of a history."""

Node = dict[str, Any]


class Wait(msgspec.Struct, frozen=True):
    """A step that waits for an event, and how its key is made."""

    ref: str
    kind: Literal["run", "order", "shared"]
    name: str

    @property
    def template(self) -> str:
        """The key as the definition has it."""
        placeholder = {"run": "{{run.id}}", "order": "{{payload.order}}", "shared": "all"}
        return f"{self.kind}:{placeholder[self.kind]}/{self.name}"

    def key(self, run: str, order: str) -> str:
        """Return the key of a run."""
        part = {"run": run, "order": order, "shared": "all"}[self.kind]
        return f"{self.kind}:{part}/{self.name}"


class Workflow(msgspec.Struct, frozen=True):
    """A definition as it is sent, and what is known of it beforehand.

    `may_fail`: a run may end badly although no peer and no person does anything to it.
    """

    slug: str
    source: Node
    is_solid: bool
    may_fail: bool
    refs: tuple[str, ...]
    waits: tuple[Wait, ...]
    approvals: dict[str, tuple[str, ...]]
    children: tuple["Workflow", ...] = ()

    def family(self) -> list["Workflow"]:
        """Return this workflow behind those that it starts."""
        return [*(each for child in self.children for each in child.family()), self]


class Writer:
    """Writes one workflow, and those that it starts."""

    def __init__(
        self, chance: Chance, peers: Peers, slug: str, *, is_solid: bool, depth: int = 0
    ) -> None:
        self._chance = chance
        self._peers = peers
        self._slug = slug
        self._depth = depth
        self._is_solid = is_solid
        self._planner = Planner(chance, is_solid=is_solid)
        self._steps: list[Node] = []
        self._waits: list[Wait] = []
        self._approvals: dict[str, tuple[str, ...]] = {}
        self._children: list[Workflow] = []
        self._may_fail = False
        self._kinds: list[Callable[[str], Node]] = [
            *[self._http] * 3,
            *[self._wait] * 2,
            self._approval,
            self._sleep,
            self._sub if depth < 2 else self._http,
        ]

    def workflow(self) -> Workflow:
        """Return a definition with its peers and its children made."""
        for n in range(self._chance.whole(1, 4 if self._depth == 0 else 2)):
            self._steps.append(self._step(f"s{n}"))
        source: Node = {"name": self._slug, "slug": self._slug, "steps": self._steps}
        if self._chance.hits(0.3):
            source["max_parallel_steps"] = self._chance.whole(1, 2)
        if self._chance.hits(0.2):
            source["max_concurrent_runs"] = self._chance.whole(1, 2)
        if self._fragile(0.15):
            source["timeout_secs"] = self._chance.whole(8, 40)
        bound = self._chance.child("bound")
        if bound.hits(0.3):
            source["max_concurrent_runs"] = bound.whole(1, 2)
        refs = tuple(step["step_ref"] for step in self._steps)
        return Workflow(
            self._slug,
            source,
            self._is_solid,
            self._may_fail or any(child.may_fail for child in self._children),
            refs,
            tuple(self._waits),
            self._approvals,
            tuple(self._children),
        )

    def _fragile(self, rate: float) -> bool:
        """Say whether something is drawn that can make a run fail by itself."""
        hits = not self._is_solid and self._chance.hits(rate)
        self._may_fail = self._may_fail or hits
        return hits

    def _step(self, ref: str) -> Node:
        chance = self._chance
        before = [step["step_ref"] for step in self._steps]
        step = {"step_ref": ref, **chance.pick(self._kinds)(ref)}
        if before and chance.hits(0.7):
            step["depends_on"] = chance.some(before, 2)
            if chance.hits(0.2):
                step["condition"] = self._condition(step["depends_on"][0])
        if chance.hits(0.5):
            step["on_failure"] = chance.pick(["fail_workflow", "skip_dependents", "continue"])
        if chance.hits(0.15):
            step["concurrency_key"] = "one at a time"
        if chance.hits(0.2):
            step["event_emit_key"] = self._emits()
        return step

    def _condition(self, need: str) -> Json:
        return self._chance.pick(
            [
                {"type": "step_status", "step_ref": need, "status": "completed"},
                {"type": "eq", "left": {"payload": "way"}, "right": 1},
                {"type": "not", "condition": {"type": "exists", "operand": {"payload": "no"}}},
                "payload.way != 2",
                f"steps.{need}.status == 'completed'",
            ]
        )

    def _emits(self) -> str:
        """Return the key of a wait: of one of this workflow, or one that is shared."""
        if self._waits and self._chance.hits(0.5):
            return self._chance.pick(self._waits).template
        return self._shared().template

    def _shared(self, ref: str = "") -> Wait:
        return Wait(ref, "shared", str(self._chance.whole(1, SHARED)))

    def _http(self, ref: str) -> Node:
        chance = self._chance
        step: Node = {
            "step_type": chance.pick(["http", "http", "job"]),
            "request": self._call(ref, self._planner.plan()),
            "retry_max_attempts": chance.whole(1, 4),
            "retry_backoff": chance.pick(["fixed", "exponential"]),
            "retry_initial_delay_secs": 1,
            "retry_max_delay_secs": 3,
        }
        if not self._is_solid and chance.hits(0.3):
            step["timeout_secs"] = chance.whole(1, 4)
        if chance.hits(0.3):
            step["compensation"] = self._call(f"{ref}-down", self._planner.plan(worst=0.12))
        return step

    def _wait(self, ref: str) -> Node:
        wait = Wait(ref, self._chance.pick(["run", "order"]), f"{self._slug}/{ref}")
        if self._fragile(0.25):
            wait = self._shared(ref)
        self._waits.append(wait)
        step: Node = {"step_type": "wait_for_event", "event_key": wait.template}
        if self._fragile(0.4):
            step["event_timeout_secs"] = self._chance.whole(1, 15)
        if self._chance.hits(0.3):
            step["event_notify_url"] = self._peer(f"{ref}-notice", self._planner.plan())
        return step

    def _approval(self, ref: str) -> Node:
        approvers = tuple(self._chance.some(PEOPLE[:2], 2)) if self._chance.hits(0.6) else ()
        self._approvals[ref] = approvers
        step: Node = {"step_type": "approval"}
        if approvers:
            step["approval_approvers"] = list(approvers)
        if self._fragile(0.3):
            step["approval_timeout_secs"] = self._chance.whole(1, 15)
        return step

    def _sleep(self, ref: str) -> Node:
        return {"step_type": "sleep", "sleep_duration_secs": self._chance.whole(1, 6)}

    def _sub(self, ref: str) -> Node:
        slug = f"{self._slug}-{ref}"
        child = Writer(
            self._chance.child(ref),
            self._peers,
            slug,
            is_solid=self._is_solid,
            depth=self._depth + 1,
        )
        self._children.append(child.workflow())
        return {"step_type": "sub_workflow", "sub_workflow_id": slug}

    def _call(self, name: str, plan: Plan) -> Node:
        body = {"order": "{{payload.order}}", "run": "{{run.id}}"}
        return {"url": self._peer(name, plan), "verb": "POST", "body": body}

    def _peer(self, name: str, plan: Plan) -> str:
        return self._peers.plan(f"{self._slug}/{name}", plan)
