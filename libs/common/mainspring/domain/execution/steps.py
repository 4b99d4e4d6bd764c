"""The life of one step: entered, tried, answered, fallen due."""

from collections.abc import Sequence

from mainspring.domain.definition import Callback, Each, Step
from mainspring.domain.execution import attempts, fanning, fans, joining, pauses, waits
from mainspring.domain.execution import events as e
from mainspring.domain.execution.context import Viewpoint, judge, value
from mainspring.domain.execution.draft import Draft
from mainspring.domain.execution.state import IN_FLIGHT, StepState, callback_timeout
from mainspring.domain.expression import ExpressionError
from mainspring.domain.message import replace
from mainspring.domain.planner import path
from mainspring.domain.planner.plan import Join
from mainspring.domain.task import PLUGIN, Exchange, Finished, Logged, LogLine, Report, Started

LISTEN = 60.0
"""Seconds that a task may wait in the queue before it is begun; later it must not be."""

SELDOM = 600.0
"""Seconds between two questions about a child run that goes on and on."""

MOST_REDISPATCHES = 5
"""How often an attempt that nobody reports on is handed out again before it counts as lost."""


def enter(draft: Draft, ref: str, token: str) -> None:
    """Begin a visit of a step."""
    step = draft.x.step(ref)
    # A dag has no loops that could go round without end.
    is_walked = draft.x.definition.planner == "path" and not step.after
    if is_walked and draft.x.begun >= draft.x.definition.max_visits:
        reason = f"more than {draft.x.definition.max_visits:,} node visits"
        attempts.fail_at_entry(draft, step.ref, reason, "visits", token)
        return
    match step.kind:
        case "task":
            attempts.schedule(draft, step.ref, token=token)
        case "switch":
            _route(draft, step, token)
        case "sleep":
            _sleep(draft, step, token)
        case "split":
            _split(draft, step, token)
        case "wait" | "approval" | "child":
            waits.enter(draft, step, token)
        case "each":
            fanning.enter(draft, step, step.each or Each(items=(), steps=()))
        case "join" if step.joins:
            joining.join(draft, step)
        case "join":
            reason = f"a {step.kind} was entered by itself"
            attempts.fail_at_entry(draft, step.ref, reason, "visits", token)


def _route(draft: Draft, step: Step, token: str) -> None:
    """Take the first truthy case.  One that cannot be evaluated fails the run, with the reason."""
    view = Viewpoint(token=token, step=step.ref)
    for index, case in enumerate(step.cases):
        try:
            holds = judge(draft.x, case.when, view)
        except ExpressionError as error:
            reason = f"node {step.ref}: cases[{index}].when cannot be evaluated: {error}"
            attempts.fail_at_entry(draft, step.ref, reason, "expression", token)
            return
        if holds:
            _routed(draft, step, token, case.target, index, case.name)
            return
    _routed(draft, step, token, step.default, None, None)


def _routed(
    draft: Draft, step: Step, token: str, target: str, case: int | None, name: str | None
) -> None:
    visit = draft.next_visit(step.ref)
    draft.emit(
        e.StepRouted(
            ref=step.ref,
            visit=visit,
            token=token,
            target=target,
            case=case,
            case_name=name,
            at=draft.now,
        )
    )


def _sleep(draft: Draft, step: Step, token: str) -> None:
    """Fall asleep.  A length that is none fails the step, with the reason."""
    try:
        wake_at = _wake_at(draft, step, token)
    except (ExpressionError, pauses.PauseInvalid) as error:
        reason = f"step {step.ref}: its sleep has no end: {error}"
        attempts.fail_at_entry(draft, step.ref, reason, "expression", token)
        return
    draft.emit(
        e.StepSlept(
            ref=step.ref,
            visit=draft.next_visit(step.ref),
            attempt=draft.next_attempt(step.ref),
            token=token,
            wake_at=wake_at,
            at=draft.now,
        )
    )


def _wake_at(draft: Draft, step: Step, token: str) -> float:
    if step.until is not None:
        return step.until
    if step.pause is None:
        return draft.now + (step.duration or 0.0)
    view = Viewpoint(token=token, step=step.ref, attempt=draft.next_attempt(step.ref))
    return pauses.wake_at(value(draft.x, step.pause, view), draft.now)


def _split(draft: Draft, step: Step, token: str) -> None:
    seq = draft.x.begun + 1
    tokens = tuple(path.child(token, seq, n) for n in range(len(step.branches)))
    visit = draft.next_visit(step.ref)
    draft.emit(e.StepSplit(ref=step.ref, visit=visit, token=token, tokens=tokens, at=draft.now))


def join(draft: Draft, move: Join) -> None:
    """Record that all branches are over, with what became of each."""
    succeeded = all(branch["status"] == "SUCCEEDED" for branch in move.branches)
    output = {
        "expected": len(move.branches),
        "allSucceeded": succeeded,
        "branches": list(move.branches),
    }
    visit = draft.next_visit(move.ref)
    draft.emit(
        e.StepSucceeded(ref=move.ref, visit=visit, token=move.token, output=output, at=draft.now)
    )


def record(draft: Draft, report: Report) -> None:
    """Take an executor's report about the attempt in flight; any other changes nothing."""
    call = report.call
    state = draft.x.of(call.ref, call.phase)
    if state is None or state.status not in IN_FLIGHT:
        return
    if (state.visit, state.attempt) != (call.visit, call.attempt):
        return
    at = _begun_at(report)
    if state.status == "scheduled":
        draft.emit(
            e.StepStarted(
                ref=call.ref, phase=call.phase, visit=call.visit, attempt=call.attempt, at=at
            )
        )
    if not isinstance(report, Started):
        _log(draft, state, report.logs if isinstance(report, Finished) else report.lines)
    if isinstance(report, Finished):
        _answered(draft, state, report.exchange)


def _begun_at(report: Report) -> float:
    match report:
        case Started():
            return report.at
        case Logged():
            return report.lines[0].at if report.lines else 0.0
        case Finished():
            return report.exchange.started_at


def _log(draft: Draft, state: StepState, lines: Sequence[LogLine]) -> None:
    """Record what was said since the last report; of one that comes again, nothing."""
    said = tuple(line for line in lines if line.at > state.logged_at)
    if said:
        draft.emit(
            e.StepLogged(
                ref=state.ref,
                phase=state.phase,
                visit=state.visit,
                attempt=state.attempt,
                lines=said,
            )
        )


def _answered(draft: Draft, state: StepState, exchange: Exchange) -> None:
    if exchange.verb == PLUGIN and exchange.fault is None:
        # The output stands in the event already: a second copy would only double the log.
        attempts.succeed(draft, state, exchange.body, replace(exchange, body=None))
        return
    if exchange.status is None:
        _no_answer(draft, state, exchange)
        return
    step = draft.x.definition.by_ref.get(state.ref)
    if state.phase == "up" and step is not None and step.asynchronous:
        _maybe_accepted(draft, state, step, exchange)
    elif exchange.status in _success_codes(draft, state):
        attempts.succeed(draft, state, exchange.body, exchange)
    else:
        attempts.fail(
            draft, state, f"node={state.ref} status={exchange.status}", "status", exchange
        )


def _success_codes(draft: Draft, state: StepState) -> tuple[int, ...]:
    request = draft.x.definition.request_of(state.ref, state.phase)
    return request.success if request is not None else ()


def _maybe_accepted(draft: Draft, state: StepState, step: Step, exchange: Exchange) -> None:
    status = exchange.status or 0
    taken = status in step.accepted if step.accepted is not None else 200 <= status < 300
    if not taken or step.callback is None:
        attempts.fail(draft, state, f"node={state.ref} status={status}", "status", exchange)
        return
    _accept(draft, state, exchange, step.callback)


def _accept(draft: Draft, state: StepState, exchange: Exchange, callback: Callback) -> None:
    draft.emit(
        e.StepAccepted(
            ref=state.ref,
            visit=state.visit,
            attempt=state.attempt,
            exchange=exchange,
            expires_at=draft.now + callback.timeout,
            at=draft.now,
        )
    )


def _no_answer(draft: Draft, state: StepState, exchange: Exchange) -> None:
    if exchange.fault == "canceled" and state.phase == "up" and draft.x.unwinding is not None:
        attempts.cancel(draft, state, draft.x.unwinding.reason)
        return
    step = draft.x.definition.by_ref.get(state.ref)
    if state.callback is not None and step is not None and step.callback is not None:
        # The peer has called back already, so the call was taken: only its answer got lost.
        _accept(draft, state, exchange, step.callback)
        return
    said = exchange.error or exchange.fault or ""
    reason = said if exchange.verb == PLUGIN else f"node={state.ref} error={said}"
    final = exchange.final or exchange.fault in ("template", "refused")
    attempts.fail(draft, state, reason, exchange.fault or "internal", exchange, final=final)


def fall_due(draft: Draft) -> None:
    """Let happen what is due among the open steps, in the order in which they fell due.

    A step that somebody has settled falls due no more: it ends so, or with its run.
    """
    due: list[tuple[float, int, StepState]] = []
    for state in draft.x.open_steps():
        if state.phase == "up" and state.ref in draft.x.forced:
            continue
        at = due_at(draft, state)
        if at is not None and at <= draft.now:
            due.append((at, state.seq, state))
    for _, _, state in sorted(due, key=lambda item: item[:2]):
        current = draft.x.of(state.ref, state.phase)
        if current == state:
            _fall_due(draft, state)


def due_at(draft: Draft, state: StepState) -> float | None:
    """Return when something happens to an open step by itself; now, when an answer waits."""
    match state.status:
        case "retrying":
            return state.retry_at
        case "sleeping":
            woken = state.ref in draft.x.wakes or None in draft.x.wakes
            return draft.now if woken else state.wake_at
        case "accepted":
            return draft.now if state.callback is not None else state.expires_at
        case "waiting":
            return draft.now if state.resolution is not None else state.expires_at
        case "splitting":
            return state.expires_at  # else it ends with the last of its items
        case _:
            return listen_until(draft.x.definition.timeout_of(state.ref, state.phase), state)


def listen_until(timeout: float, state: StepState) -> float:
    """Return when an attempt in flight counts as unheard of: begun as late as it may, and over.

    A child run, and an event that is being sent, are never lost: they are asked about more seldom.
    """
    if is_asked_about(state):
        return state.dispatched_at + min(LISTEN * 2.0 ** min(state.redispatches, 10), SELDOM)
    return state.dispatched_at + LISTEN + timeout + 5.0


def is_asked_about(state: StepState) -> bool:
    """Say whether a scheduler, and no executor, carries out what is in flight."""
    return state.phase == "emit" or (state.phase == "up" and state.kind == "child")


def _fall_due(draft: Draft, state: StepState) -> None:
    match state.status:
        case "retrying":
            closing = fans.closing(draft.x, state.ref) if state.phase == "up" else None
            if closing is not None:
                attempts.cancel(draft, state, closing)
            elif state.phase == "notify" and _is_pointless(draft, state):
                attempts.cancel(draft, state, "the wait that it tells of is over")
            else:
                attempts.schedule(draft, state.ref, phase=state.phase)
        case "sleeping":
            slept = round(1000 * max(0.0, draft.now - state.scheduled_at))
            attempts.succeed(draft, state, {"wokenAt": draft.now, "sleptMs": slept})
        case "accepted":
            _judge_callback(draft, state)
        case "waiting":
            waits.resolve(draft, state)
        case "splitting":
            fanning.give_up(draft, state)
        case _:
            _unheard(draft, state)


def _unheard(draft: Draft, state: StepState) -> None:
    if state.redispatches >= MOST_REDISPATCHES and not is_asked_about(state):
        attempts.fail(draft, state, f"node={state.ref} error=no executor reported on it", "lost")
    else:
        attempts.hand_out_again(draft, state)


def _is_pointless(draft: Draft, state: StepState) -> bool:
    told = draft.x.of(state.ref)
    opened = told.opened if told is not None and told.status == "waiting" else None
    return opened is None or opened.id != state.key


def redispatch(draft: Draft, lost_before: float) -> None:
    """Hand out again the attempts in flight that were handed out before an instant."""
    for state in draft.x.open_steps():
        if state.status in IN_FLIGHT and state.dispatched_at < lost_before:
            attempts.hand_out_again(draft, state)


def _judge_callback(draft: Draft, state: StepState) -> None:
    """`failureWhen` first, then `successWhen`; an answer with neither is a success."""
    callback = draft.x.step(state.ref).callback
    if state.callback is None or callback is None:
        attempts.fail(draft, state, callback_timeout(state.ref), "callback")
        return
    view = Viewpoint(token=state.token, step=state.ref, attempt=state.attempt)
    extra = {"callback": {"body": state.callback[0]}}
    try:
        failed = callback.failure_when is not None and judge(
            draft.x, callback.failure_when, view, extra
        )
        done = callback.success_when is None or judge(draft.x, callback.success_when, view, extra)
    except ExpressionError as error:
        reason = f"node {state.ref}: the callback's condition cannot be evaluated: {error}"
        attempts.fail(draft, state, reason, "expression", final=True)
        return
    if failed or not done:
        attempts.fail(draft, state, f"node={state.ref} callback says failure", "callback")
    else:
        attempts.succeed(draft, state, state.callback[0])
