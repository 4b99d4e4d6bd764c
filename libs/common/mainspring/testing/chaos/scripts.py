"""What is run under chaos, in every dialect, each with the end that its script says.

`steady` is a peer without faults of its own, for what may try once.  Whatever calls the `shaky`
one, which hangs and resets, or the `troubled` one, which also answers without end, tries again for
longer than these can be away.  An answer that is too large is final to a plugin, so none is sent
to the latter.
"""

from typing import Any, Final

import msgspec

Json = dict[str, Any]
WITHIN_MS: Final = 2_000
AGAIN: Final = {"type": "retry", "maxAttempts": 60, "delayMillis": 400}
ONCE: Final = {"type": "retry", "maxAttempts": 1, "delayMillis": 50}
PLACES: Final = 6


def one(steady: str) -> Json:
    """Return a saga of one step, which succeeds."""
    return _saga("one", [_task("only", f"{steady}/one")])


def undone(steady: str) -> Json:
    """Return a saga whose second step is refused, so the first is undone: it fails."""
    first = _task("first", f"{steady}/one", undo=f"{steady}/undo", then="second")
    return _saga("undone", [first, _task("second", f"{steady}/refuse")])


def nap(steady: str) -> Json:
    """Return a saga that sleeps before it works, and succeeds."""
    sleep = {"kind": "sleep", "id": "nap", "durationMillis": 300, "next": "only"}
    return _saga("nap", [sleep, _task("only", f"{steady}/one")])


def chain(steady: str, troubled: str) -> Json:
    """Return a saga of three steps that may be undone, and is not: it succeeds."""
    nodes = [
        _task("first", f"{troubled}/one", undo=f"{steady}/undo", then="second"),
        _task("second", f"{troubled}/two", undo=f"{steady}/undo", then="third"),
        _task("third", f"{steady}/three"),
    ]
    return _saga("chain", nodes, AGAIN)


def child(troubled: str) -> Json:
    """Return a native workflow that another one starts."""
    return {"name": "Child", "slug": "child", "steps": [_call("inner", troubled)]}


def parent() -> Json:
    """Return a native workflow that waits for an event, a person and a child."""
    steps = [
        {"step_ref": "w", "step_type": "wait_for_event", "event_key": "go:{{run.id}}"},
        {"step_ref": "ok", "step_type": "approval", "depends_on": ["w"]},
        {
            "step_ref": "sub",
            "step_type": "sub_workflow",
            "sub_workflow_id": "child",
            "depends_on": ["ok"],
        },
    ]
    return {"name": "Parent", "slug": "parent", "steps": steps}


def gated() -> str:
    """Return a flow that goes through a list and asks a person."""
    each = _flow_task("one", "core.set", values={"a": 1})
    tasks: list[Json] = [
        _waiting("each", "core.forEach", items=[1, 2, 3], tasks=[each]),
        _waiting("gate", "core.gate", message="Go on?"),
        _flow_task("say", "util.log", message="at {{ inputs.n }}"),
    ]
    return _flow("gated", tasks, inputs={"n": {"type": "INT", "default": 0}})


def ticking() -> str:
    """Return a flow that a schedule starts."""
    return _flow("ticking", [_flow_task("say", "util.log", message="tick")])


def following() -> str:
    """Return a flow that is started when a ticking one has ended."""
    return _flow("following", [_flow_task("say", "util.log", message="after")])


def edited(name: str) -> str:
    """Return a flow with a schedule of its own that never comes."""
    never = {"type": "schedule", "name": "never", "cron": "0 0 1 1 *"}
    return _flow(name, [_flow_task("say", "util.log", message=name)], triggers=[never])


def scheduled(slug: str) -> Json:
    """Return a native workflow with a schedule that never comes."""
    step = {"step_ref": "s", "step_type": "sleep", "sleep_duration_secs": 1}
    return {"name": slug.title(), "slug": slug, "steps": [step], "cron": "0 0 1 1 *"}


def queued(shaky: str) -> str:
    """Return a workflow of the runs dialect of which few may go on at once."""
    retry = "retry: {max_attempts: 60, delay: 400ms, max_delay: 1s}"
    params = f"params: {{url: '{shaky}/run'}}"
    return (
        f"name: queued\nmax_parallel_executions: {PLACES}\nsteps:\n"
        f"- {{name: call, action: http/request, timeout: 2s, {params}, {retry}}}\n"
        "- {name: say, action: util.log, params: {message: done}}\n"
    )


def applied(number: int) -> str:
    """Return a workflow of the runs dialect with a schedule that never comes."""
    return (
        f"name: applied-{number}\ntriggers:\n- {{type: cron, schedule: '0 0 1 1 *'}}\nsteps:\n"
        f"- {{name: say, action: util.log, params: {{message: 'n{number}'}}}}\n"
    )


def _saga(name: str, nodes: list[Json], handling: Json = ONCE) -> Json:
    return {
        "name": f"chaos-{name}",
        "version": "v1",
        "failureHandling": handling,
        "entrypoint": nodes[0]["id"],
        "nodes": nodes,
    }


def _task(id: str, url: str, *, undo: str = "", then: str = "") -> Json:
    request = {"url": url, "verb": "POST", "body": {"at": id}}
    node: Json = {"kind": "task", "id": id, "action": {"mode": "sync", "request": request}}
    node |= {"timeoutMillis": WITHIN_MS}
    node |= {"compensation": {"url": undo, "verb": "POST"}} if undo else {}
    return node | ({"next": then} if then else {})


def _call(ref: str, url: str) -> Json:
    return {
        "step_ref": ref,
        "step_type": "http",
        "request": {"url": f"{url}/native"},
        "timeout_secs": WITHIN_MS // 1000,
        "retry_max_attempts": 60,
        "retry_initial_delay_secs": 1,
        "retry_max_delay_secs": 1,
    }


def _waiting(name: str, kind: str, **properties: object) -> Json:
    return {"name": name, "type": kind, "properties": properties}


def _flow_task(name: str, kind: str, **properties: object) -> Json:
    # A task that was never handed out is missed a minute after its limit, five minutes as it comes.
    return {**_waiting(name, kind, **properties), "timeout": f"{WITHIN_MS}ms"}


def _flow(name: str, tasks: list[Json], **more: object) -> str:
    retry = {"maxAttempts": 60, "delay": f"{AGAIN['delayMillis']}ms"}
    return msgspec.json.encode({"name": name, "tasks": tasks, "retry": retry, **more}).decode()
