"""Small definitions in few words: what specs, properties and stored histories are made of.

`path(task("a"), task("b"))` chains its steps in the order in which they stand; a step that says
`next` itself is left alone.  `dag(...)` takes `needs` from its steps.  Every call goes to a peer
that is named after its step, so that a reader of a failed spec sees who was called.
"""

from typing import Final

from mainspring.domain.definition import (
    Approval,
    Callback,
    Case,
    Child,
    Definition,
    Each,
    Ending,
    Plugin,
    Request,
    Retry,
    Step,
    Wait,
)
from mainspring.domain.expression import Guard
from mainspring.domain.message import Json, replace

FOLLOWING: Final = "(the following step)"
"""Stands in `next` until `path` knows which step follows."""


def call(ref: str, act: str = "do", **fields: Json) -> Request:
    """Return a request to the peer of a step; its body names the run's payload."""
    return Request(url=f"http://peer.test/{ref}/{act}", **fields)


def task(ref: str, *, undo: bool = False, **fields: Json) -> Step:
    """Return a step that calls its peer, with a compensation when `undo` is set."""
    compensation = call(ref, "undo") if undo else None
    plain = Step(ref=ref, next=FOLLOWING, request=call(ref), compensation=compensation)
    return replace(plain, **fields)


def work(ref: str, given: Json = None, *, plugin: str = "test.work", **fields: Json) -> Step:
    """Return a step that calls a plugin."""
    return replace(Step(ref=ref, next=FOLLOWING, plugin=Plugin(plugin, given)), **fields)


def later(
    ref: str,
    *,
    timeout: float = 60.0,
    success_when: Json = None,
    failure_when: Json = None,
    **fields: Json,
) -> Step:
    """Return a task that is answered by a callback within `timeout` seconds."""
    callback = Callback(timeout, success_when, failure_when)
    return task(ref, asynchronous=True, callback=callback, **fields)


def sleep(ref: str, duration: float | None = 10.0, **fields: Json) -> Step:
    """Return a step that sleeps for so many seconds, or `until` an instant."""
    return replace(Step(ref=ref, kind="sleep", next=FOLLOWING, duration=duration), **fields)


def wait(ref: str, key: str = "{{payload.key}}", **fields: Json) -> Step:
    """Return a step that waits for an event; `timeout` and `notify_url` belong to the wait."""
    own = {name: fields.pop(name) for name in ("timeout", "notify_url", "ask") if name in fields}
    plain = Step(ref=ref, kind="wait", next=FOLLOWING, wait=replace(Wait(key), **own))
    return replace(plain, **fields)


def approval(ref: str, *approvers: str, timeout: float | None = None, **fields: Json) -> Step:
    """Return a step that waits for one of these people to decide, or for anyone."""
    decision = Approval(approvers=approvers, timeout=timeout)
    return replace(Step(ref=ref, kind="approval", next=FOLLOWING, approval=decision), **fields)


def child(ref: str, workflow: str = "other", **fields: Json) -> Step:
    """Return a step that runs another workflow and waits for its end."""
    return replace(Step(ref=ref, kind="child", next=FOLLOWING, child=Child(workflow)), **fields)


def switch(ref: str, *cases: tuple[Json, str], default: str) -> Step:
    """Return a switch of (rule, target) pairs."""
    return Step(
        ref=ref,
        kind="switch",
        cases=tuple(Case(when=rule, target=target) for rule, target in cases),
        default=default,
    )


def split(ref: str, *branches: str, join: str) -> Step:
    """Return a split into branches that begin at these steps."""
    return Step(ref=ref, kind="split", branches=branches, join=join)


def join(ref: str, **fields: Json) -> Step:
    """Return the join of a split; `on_branch_failure="continue"` tolerates failed branches."""
    return replace(Step(ref=ref, kind="join", next=FOLLOWING), **fields)


def needing(ref: str, *needs: str, when: Json = None, **fields: Json) -> Step:
    """Return a task of a dag that needs other steps; `when` is a rule of JSON Logic or a guard."""
    return task(ref, needs=needs, when=guard(when), **fields)


def each(ref: str, items: Json, *steps: Step, needs: tuple[str, ...] = (), **fields: Json) -> Step:
    """Return a loop; `concurrency`, `fail_fast`, `batch`, `timeout` say how it is done."""
    names = ("concurrency", "fail_fast", "batch", "timeout")
    own = {name: fields.pop(name) for name in names if name in fields}
    inner = tuple(replace(step, next=None) for step in steps)
    done = replace(Each(items=items, steps=inner), **own)
    return replace(Step(ref=ref, kind="each", needs=needs, each=done), **fields)


def finishing(ref: str, *needs: str, after: tuple[Ending, ...] = (), **fields: Json) -> Step:
    """Return a task that comes after the end of the work: after any end, if none is named."""
    every: tuple[Ending, ...] = ("succeeded", "failed", "timed_out", "canceled")
    return needing(ref, *needs, after=after or every, **fields)


def guard(rule: Json) -> Guard | None:
    """Return a rule of JSON Logic as a guard; a guard, and none, as they are."""
    return rule if rule is None or isinstance(rule, Guard) else Guard("jsonlogic", rule)


def again(retries: int, delay: float = 1.0, **fields: Json) -> Retry:
    """Return a policy of so many retries."""
    return Retry(retries=retries, delay=delay, **fields)


def path(*steps: Step, **fields: Json) -> Definition:
    """Return a definition for the path planner that begins at its first step."""
    followers = [*(step.ref for step in steps[1:]), None]
    chained = tuple(
        replace(step, next=follower) if step.next == FOLLOWING else step
        for step, follower in zip(steps, followers, strict=True)
    )
    entrypoint = steps[0].ref
    plain = Definition(
        name="order", version="1", planner="path", steps=chained, entrypoint=entrypoint
    )
    return replace(plain, **fields)


def dag(*steps: Step, **fields: Json) -> Definition:
    """Return a definition for the dag planner."""
    bare = tuple(replace(step, next=None) for step in steps)
    plain = Definition(name="order", version="1", planner="dag", steps=bare)
    return replace(plain, **fields)
