"""Flows and workflows of YAML, drawn from the seed, with all that is known of them beforehand.

A solid one has peers that answer well, no failures and no time limits: a run of it must succeed
unless somebody ends it.  JSON is YAML, so texts are written as that.
"""

from typing import Any, Literal

import msgspec

from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.flows import starters
from mainspring.testing.simulation.flows.starters import Hook
from mainspring.testing.simulation.flows.tasks import WAYS, Task, Tasks
from mainspring.testing.simulation.peers import Peers
from mainspring.testing.simulation.plans import Planner

ENDINGS = ("onError", "onSuccess", "finally")
LANES = ("{{ inputs.way }}", "{{ trigger.type | default('hand') }}")


class Flow(msgspec.Struct, frozen=True):
    """A definition as it is sent, and what is known of it.

    `may_fail`: a run may end badly although no peer and no person does anything to it.  `hook` is
    the webhook that its text declares, `has_cron` whether it waits for whole minutes.
    """

    name: str
    dialect: Literal["flows", "runs"]
    source: dict[str, Any]
    is_solid: bool
    may_fail: bool
    children: tuple["Flow", ...] = ()
    hook: Hook | None = None
    has_cron: bool = False

    @property
    def text(self) -> str:
        """The YAML."""
        return msgspec.json.encode(self.source).decode()

    def changed(self, comment: str, *, bare: bool) -> str:
        """Return the YAML of a version that says something else of itself.

        A bare one declares nothing that starts it.
        """
        source = {**self.source, "description": comment}
        if bare:
            source.pop("triggers", None)
        return msgspec.json.encode(source).decode()

    def family(self) -> list["Flow"]:
        """Return this flow behind those that it starts."""
        return [*(each for child in self.children for each in child.family()), self]


class Declared(msgspec.Struct):
    """What starts a flow by its own text."""

    triggers: list[dict[str, Any]] = []
    hook: Hook | None = None
    has_cron: bool = False


class Writer:
    """Writes one flow, and those that it starts."""

    def __init__(
        self,
        chance: Chance,
        peers: Peers,
        name: str,
        *,
        is_solid: bool,
        depth: int = 0,
        night: float = 0.0,
    ) -> None:
        self._chance = chance
        self._night = night
        self._peers = peers
        self._name = name
        self._depth = depth
        self._is_solid = is_solid
        self._tasks = Tasks(chance, peers, name, is_solid=is_solid)
        self._children: list[Flow] = []

    def flow(self) -> Flow:
        """Return a flow with its peers and its children made."""
        chance, tasks = self._chance, self._tasks
        source: dict[str, Any] = {
            "name": self._name,
            "inputs": {
                "order": {"type": "string", "default": "none"},
                "way": {"type": "int", "default": 0, "min": 0, "max": WAYS - 1},
                "nap": {"type": "number", "default": 0.5},
            },
            "variables": {"list": [chance.whole(0, 4) for _ in range(chance.whole(0, 4))]},
            "tasks": tasks.some(4 if self._depth == 0 else 2, depth=self._depth),
        }
        if self._depth == 0 and chance.hits(0.3):
            source["tasks"].append(self._sub())
        self._end(source)
        self._bound(source)
        declared = self._triggers() if self._depth == 0 else Declared()
        if declared.triggers:
            source["triggers"] = declared.triggers
        return Flow(
            self._name,
            "flows",
            source,
            self._is_solid,
            tasks.may_fail or any(child.may_fail for child in self._children),
            tuple(self._children),
            declared.hook,
            declared.has_cron,
        )

    def _triggers(self) -> Declared:
        """Return what starts the flow by its own text."""
        chance, found = self._chance.child("triggers"), Declared()
        if chance.hits(0.3):
            config = starters.webhook(chance, f"{self._name}-own")
            found.triggers.append({"type": "webhook", "name": "call", "config": config})
            found.hook = starters.hook_of(config)
        if chance.hits(0.2):
            config = starters.schedule(chance, night=self._night)
            found.triggers.append({"type": "schedule", **config, "inputs": {"way": 1}})
            found.has_cron = "cron" in config
        return found

    def _end(self, source: dict[str, Any]) -> None:
        """Say what comes after the work."""
        for ending in ENDINGS:
            if self._chance.hits(0.25):
                tasks = self._tasks
                source[ending] = [self._chance.pick([tasks.plain, tasks.call])()]
                if self._chance.hits(0.3):
                    source[ending].append(tasks.plain())
        if self._chance.hits(0.3):
            source["outputs"] = {"order": "{{ inputs.order }}", "way": "{{ inputs.way }}"}

    def _bound(self, source: dict[str, Any]) -> None:
        if self._tasks.fragile(0.1):
            source["timeout"] = self._chance.whole(6, 30)
        if self._chance.hits(0.3):
            behavior = "FAIL" if self._tasks.fragile(0.5) else "QUEUE"
            limit = self._chance.whole(1, 2)
            source["concurrency"] = {"limit": limit, "behavior": behavior}
            if (own := self._chance.child("lane")).hits(0.4):
                source["concurrency"]["key"] = own.pick(LANES)

    def _sub(self) -> Task:
        name = f"{self._name}-sub"
        chance = self._chance.child("sub")
        child = Writer(chance, self._peers, name, is_solid=self._is_solid, depth=1).flow()
        self._children.append(child)
        inputs = {"order": "{{ inputs.order }}", "way": "{{ inputs.way }}"}
        task = self._tasks.named("core.subflow", flow=name, inputs=inputs)
        if self._chance.hits(0.3):
            task["forEach"] = {"items": [1, 2], "concurrency": self._chance.whole(1, 2)}
        if self._chance.hits(0.3):
            task["properties"]["transmitFailed"] = False
        if self._chance.child("wait").hits(0.3):
            task["properties"]["wait"] = False
        return task


def workflow(chance: Chance, peers: Peers, name: str, *, is_solid: bool) -> Flow:
    """Return a workflow of the runs dialect."""
    planner = Planner(chance, is_solid=is_solid)
    may_fail = False
    steps: list[dict[str, Any]] = []
    for n in range(chance.whole(1, 4)):
        step: dict[str, Any] = {"name": f"s{n}"}
        if chance.hits(0.6):
            url = peers.plan(f"{name}/s{n}", planner.plan())
            body = {"order": "{{ inputs.order }}"}
            step |= {
                "action": "http/request",
                "params": {"method": "POST", "url": url, "body": body},
            }
            step["retry"] = {"max_attempts": chance.whole(1, 4), "delay": "500ms"}
        else:
            message = "{{ inputs.order + ' goes ' + string(inputs.way) }}"
            step |= {"action": "util.log", "params": {"message": message}}
        if n and chance.hits(0.4):
            step["depends_on"] = [f"s{chance.whole(0, n - 1)}"]
        if chance.hits(0.2):
            step["if"] = f"inputs.way != {chance.whole(0, WAYS - 1)}"
        step["continue_on_error"] = chance.hits(0.2)
        steps.append(step)
    source: dict[str, Any] = {
        "name": name,
        "inputs": {
            "order": {"type": "string", "default": "none"},
            "way": {"type": "number", "default": 0},
        },
        "steps": steps,
    }
    if chance.hits(0.25):
        source["max_parallel_executions"] = chance.whole(1, 2)
        if not is_solid and chance.hits(0.4):
            source["on_limit"], may_fail = "reject", True
    if not is_solid and chance.hits(0.1):
        source["timeout"], may_fail = f"{chance.whole(6, 30)}s", True
    hooks = {
        hook: [{"name": f"h{n}", "action": "util.log", "params": {"message": hook}}]
        for n, hook in enumerate(("on_success", "on_failure", "on_finish"))
        if chance.hits(0.25)
    }
    if hooks:
        source["hooks"] = hooks
    declared = _declared(chance.child("triggers"), name)
    if declared.triggers:
        source["triggers"] = declared.triggers
    return Flow(
        name, "runs", source, is_solid, may_fail, (), declared.hook, has_cron=declared.has_cron
    )


def _declared(chance: Chance, name: str) -> Declared:
    """Return what starts a workflow by its own text."""
    found = Declared()
    if chance.hits(0.4):
        hook = {"type": "webhook", "path": f"/hooks/{name}"}
        if chance.hits(0.5):
            hook["secret"] = starters.SECRET
        found.triggers.append(hook)
        found.hook = Hook(hook["path"], "secret" in hook)
    if chance.hits(0.15):
        found.triggers.append({"type": "cron", "schedule": "* * * * *", "inputs": {"way": 1}})
        found.has_cron = True
    return found
