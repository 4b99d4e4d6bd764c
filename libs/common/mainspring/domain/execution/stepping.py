"""What the events of steps make of their states, and of the tokens that stand on them.

Each function takes one kind of event.  A step's state is that of its latest visit; `put` is the one
place where it is written, so the set of open steps can never differ from the steps themselves.
"""

from typing import Literal, TypeAlias

from mainspring.domain.definition import Definition
from mainspring.domain.execution import events as e
from mainspring.domain.execution import fans
from mainspring.domain.execution.approvals import is_taken
from mainspring.domain.execution.front import Front, Standing
from mainspring.domain.execution.state import (
    OPEN,
    Completed,
    Decision,
    Execution,
    Resolution,
    StepState,
    StepStatus,
    Token,
    Waiting,
    key_of,
    without,
)
from mainspring.domain.message import replace

LONGEST_WARNING = 2000
"""Characters that a run's warning may have."""


def stepped(x: Execution, event: e.StepEvent) -> Execution:
    """Return the state after an event of one step."""
    after = _stepped(x, event)
    return fans.noted(x, after, event) if event.phase == "up" else after


def _stepped(x: Execution, event: e.StepEvent) -> Execution:
    match event:
        case e.StepScheduled():
            return _scheduled(x, event)
        case e.StepSlept():
            x = replace(x, woken=False, wakes=())
            step = _begin(x, event, "sleeping", event.at, event.token)
            return _waits(x, event, replace(step, wake_at=event.wake_at))
        case e.StepWaiting():
            step = replace(_entered(x, event, "waiting"), opened=_opened(x, event))
            return _waits(x, event, replace(step, expires_at=event.expires_at))
        case e.StepFannedOut():
            step = replace(_entered(x, event, "splitting"), started_at=event.at)
            each = x.definition.by_ref[event.ref].each
            until = event.at + each.timeout if each is not None and each.timeout else None
            return fans.spread(put(x, replace(step, expires_at=until)), event)
        case e.StepRouted():
            step = _begin(x, event, "succeeded", event.at, event.token)
            return _routed(x, event, step)
        case e.StepSplit():
            step = _begin(x, event, "succeeded", event.at, event.token)
            return _split(x, event, step)
        case _:
            return _progress(x, event)


def _progress(x: Execution, event: e.StepEvent) -> Execution:
    step = x.steps.get(key_of(event.ref, event.phase))
    match event:
        case e.StepSucceeded():
            return _succeeded(x, event, step or _begin(x, event, "running", event.at, event.token))
        case e.StepFailed():
            return _failed(x, event, step or _begin(x, event, "running", event.at, event.token))
        case e.StepSkipped():
            return _skipped(x, event)
        case _:
            return x if step is None or step.visit != event.visit else _moved(x, event, step)


def _moved(x: Execution, event: e.StepEvent, step: StepState) -> Execution:
    match event:
        case e.CallbackReceived():
            return put(x, replace(step, callback=(event.body,)))
        case e.TriggerReceived() | e.TriggerCancelRequested() | e.StepApproved() | e.StepRejected():
            return put(x, _answered(x, event, step))
        case e.StepRedispatched():
            count = step.redispatches + 1
            return put(
                x, replace(step, status="scheduled", dispatched_at=event.at, redispatches=count)
            )
        case e.StepStarted() | e.StepLogged():
            return put(x, _at_work(step, event))
        case e.StepAccepted():
            step = replace(
                step,
                status="accepted",
                expires_at=event.expires_at,
                exchange=event.exchange,
            )
            return put(x, step)
        case e.StepCanceled():
            step = replace(
                step,
                status="canceled",
                reason=event.reason,
                finished_at=event.at,
                **_NOTHING_DUE,
            )
            return _token(put(_unforced(x, step), step), step, "ended")
        case e.StepReset():
            return _reset(x, step)
        case _:
            return x


def _at_work(step: StepState, event: e.StepStarted | e.StepLogged) -> StepState:
    if isinstance(event, e.StepStarted):
        first_at = event.at if step.tries == 1 else step.first_at
        return replace(step, status="running", started_at=event.at, first_at=first_at)
    return replace(step, logged_at=max((step.logged_at, *(line.at for line in event.lines))))


def _answered(x: Execution, event: "_Settling", step: StepState) -> StepState:
    """Note the answer to a wait; an approval waits on until as many have approved as it takes."""
    if isinstance(event, e.StepApproved | e.StepRejected):
        step = replace(step, decisions=(*step.decisions, _decision(event)))
        approves = isinstance(event, e.StepApproved)
        if approves and not is_taken(x.step(event.ref).approval, step.decisions):
            return step
    return replace(step, resolution=_resolution(x, event))


def _decision(event: e.StepApproved | e.StepRejected) -> Decision:
    if isinstance(event, e.StepRejected):
        return Decision(actor=event.by, decision="rejected", comment=event.reason, at=event.at)
    return Decision(
        actor=event.by,
        decision="approved",
        comment=event.comment,
        payload=event.payload,
        at=event.at,
    )


def _resolution(x: Execution, event: "_Settling") -> Resolution:
    version = x.version + 1
    match event:
        case e.TriggerReceived():
            by, payload = event.sent_by, event.payload
            return Resolution(how="received", by=by, at=event.at, version=version, payload=payload)
        case e.TriggerCancelRequested():
            how, by, reason = "canceled", event.by, event.reason
        case e.StepApproved():
            how, by, reason = "approved", event.by, event.comment
        case e.StepRejected():
            how, by, reason = "rejected", event.by, event.reason
    return Resolution(how=how, by=by, at=event.at, version=version, reason=reason)


_Settling: TypeAlias = (
    e.TriggerReceived | e.TriggerCancelRequested | e.StepApproved | e.StepRejected
)

_NOTHING_DUE: dict[str, None] = {"retry_at": None, "wake_at": None, "expires_at": None}


def put(x: Execution, step: StepState) -> Execution:
    """Return an execution with a step's new state; it knows which steps are open."""
    key = key_of(step.ref, step.phase)
    waiting = x.open
    if step.status in OPEN:
        waiting = waiting if key in waiting else waiting.set(key, None)
    elif key in waiting:
        waiting = waiting.delete(key)
    x = replace(
        x,
        steps=x.steps.set(key, step),
        open=waiting,
        begun=max(x.begun, step.seq),
        front=advanced(x.front, x.definition, step),
    )
    if step.kind != "each" or (step.status == "splitting") == (step.ref in x.loops):
        return x
    return replace(x, loops=x.loops ^ {step.ref})


def advanced(front: Front, definition: Definition, step: StepState) -> Front:
    """Return how far the steps of a dag are when one of them has this state."""
    if step.phase != "up" or not (definition.planner == "dag" or definition.epilogue):
        return front  # what comes after the end of a path is a dag too
    rank = definition.graph.ranks.get(step.ref)
    if rank is None:
        return front  # a step of an item: its loop plans it
    begun = step.status != "reset"
    failed = step.status == "failed"
    now = Standing(
        begun=begun,
        settled=begun and step.status not in OPEN,
        failed=failed and definition.steps[rank].on_failure != "continue",
        odd=failed or step.status == "skipped",
    )
    return front.moved(definition.graph, rank, now)


def _begin(
    x: Execution, event: e.StepEvent, status: StepStatus, at: float, token: str
) -> StepState:
    kind = x.definition.by_ref[event.ref].kind if event.phase == "up" else event.phase
    older = x.steps.get(key_of(event.ref, event.phase))
    # What says nothing of attempts leaves their count alone, or one would be made twice.
    attempt = older.attempt if older is not None and older.visit == event.visit else 1
    return StepState(
        ref=event.ref,
        phase=event.phase,
        kind=kind,
        visit=event.visit,
        seq=x.begun + 1,
        status=status,
        scheduled_at=at,
        attempt=getattr(event, "attempt", attempt),
        token=token,
    )


def _entered(x: Execution, event: "_Entering", status: StepStatus) -> StepState:
    """Return the step as an attempt begins: of a new visit, or the next one of a visit."""
    step = x.steps.get(key_of(event.ref, event.phase))
    if step is None or step.visit != event.visit:
        token = "" if isinstance(event, e.StepFannedOut) else event.token
        step = _begin(x, event, status, event.at, token)
    else:
        step = replace(step, tries=step.tries + 1)
    return replace(
        step,
        status=status,
        first_at=event.at if step.tries == 1 else step.first_at,
        attempt=event.attempt,
        logged_at=0.0,
        redispatches=0,
        started_at=None,
        finished_at=None,
        callback=None,
        opened=None,
        resolution=None,
        decisions=(),
        **_NOTHING_DUE,
    )


def _waits(x: Execution, event: e.StepSlept | e.StepWaiting, step: StepState) -> Execution:
    return _busy(put(x, replace(step, started_at=event.at)), event)


def _opened(x: Execution, event: e.StepWaiting) -> Waiting:
    return Waiting(
        id=event.trigger,
        kind=event.kind,
        version=x.version + 1,
        at=event.at,
        key=event.key,
        expires_at=event.expires_at,
        approvers=event.approvers,
        notify_url=event.notify_url,
    )


_Entering: TypeAlias = e.StepScheduled | e.StepWaiting | e.StepFannedOut


def _busy(x: Execution, event: e.StepScheduled | e.StepWaiting | e.StepSlept) -> Execution:
    if event.phase != "up" or event.token not in x.tokens:
        return x
    token = replace(x.tokens[event.token], status="busy", at=event.ref, target=None)
    return replace(x, tokens=x.tokens.set(token.id, token))


def _scheduled(x: Execution, event: e.StepScheduled) -> Execution:
    step = replace(
        _entered(x, event, "scheduled"),
        nonce=event.nonce,
        dispatched_at=event.at,
        key=event.key,
        payload=event.payload,
    )
    return _busy(put(x, step), event)


def _skipped(x: Execution, event: e.StepSkipped) -> Execution:
    """Close a step that will not go on, or note that one will not begin."""
    step = x.steps.get(key_of(event.ref, event.phase))
    if step is None or step.status not in OPEN:
        step = _begin(x, event, "skipped", event.at, "")
    step = replace(
        step,
        status="skipped",
        reason=event.reason,
        finished_at=event.at,
        resolution=x.forced.get(event.ref),
        **_NOTHING_DUE,
    )
    return put(_unforced(x, step), step)


def _unforced(x: Execution, step: StepState) -> Execution:
    """Forget what was to become of a step, since it has become of it."""
    if step.phase != "up" or step.ref not in x.forced:
        return x
    return replace(x, forced=x.forced.delete(step.ref))


def _succeeded(x: Execution, event: e.StepSucceeded, step: StepState) -> Execution:
    if event.visit != step.visit:
        step = _begin(x, event, "running", event.at, event.token)
    step = replace(
        step,
        status="succeeded",
        attempt=max(step.attempt, event.attempt),
        output=event.output,
        output_version=x.version + 1,
        exchange=event.exchange or step.exchange,
        finished_at=event.at,
        started_at=step.started_at or event.at,
        reason=None,
        callback=step.callback,
        **_NOTHING_DUE,
    )
    if event.phase == "down":
        return put(replace(x, stack=x.stack and x.stack.below), step)
    if event.phase != "up":
        return put(x, step)
    return _completed(x, step, event.token or step.token)


def _completed(x: Execution, step: StepState, token: str) -> Execution:
    step = replace(step, resolution=x.forced.get(step.ref, step.resolution))
    x = _unforced(x, step)
    index = len(x.completed)
    x = put(x, replace(step, completed_as=index))
    x = replace(x, completed=x.completed.set(index, step.ref))
    if x.definition.by_ref[step.ref].compensation is not None and not (
        x.definition.by_ref[step.ref].after
    ):
        # A step that was reset and is completed again stays one thing to undo, now the newest.
        again = step.completed_as is not None
        below = without(x.stack, step.ref) if again else x.stack
        x = replace(x, stack=Completed(step.ref, below))
    if token not in x.tokens:
        return x
    definition = x.definition.by_ref[step.ref]
    mover = replace(
        x.tokens[token], status="ready", at=step.ref, target=definition.next, done=step.ref
    )
    x = replace(x, tokens=x.tokens.set(token, mover))
    return _without_children(x, token) if definition.kind == "join" else x


def _without_children(x: Execution, token: str) -> Execution:
    tokens = x.tokens
    for id in list(tokens):
        if id.startswith(token + "/"):
            tokens = tokens.delete(id)
    return replace(x, tokens=tokens)


def _failed(x: Execution, event: e.StepFailed, step: StepState) -> Execution:
    if event.visit != step.visit:
        step = _begin(x, event, "running", event.at, event.token)
    step = replace(
        step,
        status="failed" if event.retry_at is None else "retrying",
        attempt=max(step.attempt, event.attempt),
        resolution=x.forced.get(step.ref, step.resolution) if event.phase == "up" else None,
        reason=event.reason,
        fault=event.fault,
        output=event.output if event.output is not None else step.output,
        exchange=event.exchange or step.exchange,
        finished_at=event.at,
        callback=None,
        **(_NOTHING_DUE | {"retry_at": event.retry_at}),
    )
    x = put(x, step)
    if event.retry_at is not None:
        return x
    if event.phase == "down":
        return replace(x, stack=x.stack and x.stack.below, corrupted=(*x.corrupted, event.ref))
    if event.phase == "emit":
        return replace(x, warning=f"{event.ref}: its event was not sent: {event.reason}")
    if event.phase == "hook":
        return replace(x, warning=f"{event.ref}: {event.reason}")
    if event.phase == "notify":
        return x
    return _token(_unforced(_warned(x, step), step), step, "failed", event.token)


def _warned(x: Execution, step: StepState) -> Execution:
    """Tell of a failure after the end of the work, which changes nothing of how the run ends."""
    if not x.in_epilogue or not x.definition.by_ref[step.ref].after:
        return x
    told = f"{x.warning}; " if x.warning else ""
    return replace(x, warning=f"{told}{step.ref}: {step.reason}"[:LONGEST_WARNING])


def _token(
    x: Execution, step: StepState, status: Literal["failed", "ended"], token: str = ""
) -> Execution:
    id = token or step.token
    if step.phase != "up" or id not in x.tokens:
        return x
    stopped = replace(x.tokens[id], status=status, at=step.ref, target=None)
    return replace(x, tokens=x.tokens.set(id, stopped))


def _routed(x: Execution, event: e.StepRouted, step: StepState) -> Execution:
    output = {
        "target": event.target,
        "matchedCase": event.case_name if event.case_name is not None else event.case,
        "usedDefault": event.case is None,
    }
    step = replace(
        step,
        target=event.target,
        output=output,
        output_version=x.version + 1,
        started_at=event.at,
        finished_at=event.at,
    )
    x = put(x, step)
    if event.token not in x.tokens:
        return x
    mover = replace(x.tokens[event.token], status="ready", at=event.ref, target=event.target)
    return replace(x, tokens=x.tokens.set(mover.id, mover))


def _split(x: Execution, event: e.StepSplit, step: StepState) -> Execution:
    definition = x.definition.by_ref[event.ref]
    x = put(x, replace(step, tokens=event.tokens, started_at=event.at, finished_at=event.at))
    parent = x.tokens.get(event.token)
    if parent is None:
        return x
    tokens = x.tokens.set(parent.id, replace(parent, status="split", at=event.ref, target=None))
    for id, entry in zip(event.tokens, definition.branches, strict=False):
        tokens = tokens.set(id, Token(id, "ready", target=entry, done=parent.done))
    return replace(x, tokens=tokens)


def _reset(x: Execution, step: StepState) -> Execution:
    step = replace(
        step,
        status="reset",
        tries=0,
        reason=None,
        finished_at=None,
        callback=None,
        opened=None,
        resolution=None,
        decisions=(),
        **_NOTHING_DUE,
    )
    x = put(x, step)
    if step.phase != "up" or step.token not in x.tokens:
        return x
    token = replace(x.tokens[step.token], status="ready", at="", target=step.ref)
    return replace(x, tokens=x.tokens.set(token.id, token))
