"""Why each step of a run that has not ended is not running, and who or what it waits for.

`outlook` says it of the run, in one word; this says it of every step, with names and instants, and
names the people without whom nothing will happen.  All of it is read from the state by the rules
by which the deciders read it: nothing is kept that could differ from what is so.
"""

from collections.abc import Callable, Iterable
from graphlib import TopologicalSorter
from typing import Literal, NamedTuple, TypeAlias

from mainspring.domain.definition import Step
from mainspring.domain.execution.approvals import approvers
from mainspring.domain.execution.expansion import is_inside, place_of
from mainspring.domain.execution.outlook import Reason, due_at, outlook
from mainspring.domain.execution.state import IN_FLIGHT, OPEN, Execution, StepState
from mainspring.domain.execution.steps import listen_until
from mainspring.domain.execution.waits import child_of_attempt
from mainspring.domain.task import Phase

Because: TypeAlias = Reason | Literal["needs", "room", "key", "reach", "emit", "unwinding"]
"""A reason of the run's, or: other steps first, a place under `max_parallel`, who holds the same
concurrency key, a walker of the path, an event that is being sent, the run's winding up."""


class Cause(NamedTuple):
    """What a step waits for.

    `refs` are the steps that it waits for: those that it needs, that hold the places or the key, or
    that a walker may come from.  `opened` is the id of the trigger or approval, `child` that of the
    run, `key` that of the event or of the concurrency.  `since` is when it began, `until` when it
    is over by itself.  `by` has settled what the scheduler has yet to carry out.
    """

    waiting_for: Because
    refs: tuple[str, ...] = ()
    key: str = ""
    limit: int | None = None
    approvers: tuple[str, ...] = ()
    opened: str = ""
    child: str = ""
    since: float | None = None
    until: float | None = None
    by: str = ""


class Waiting(NamedTuple):
    """A step that has not ended; `wake_at` is when something happens to it by itself."""

    ref: str
    phase: Phase
    status: str | None
    cause: Cause
    wake_at: float | None


class Party(NamedTuple):
    """Somebody outside without whom nothing may happen: a role, and a name if it has one."""

    role: Literal["approver", "sender", "operator", "run"]
    name: str = ""


class Why(NamedTuple):
    """A run's reason, its next wake-up, who it depends on, and all its steps that have not ended.

    A run that has not ended has a wake-up or somebody that it depends on.
    """

    waiting_for: Reason | None
    wake_at: float | None
    parties: tuple[Party, ...]
    steps: tuple[Waiting, ...]


def explain(x: Execution) -> Why:
    """Return why a run and each of its steps is where it is."""
    why = _Reader(x)
    begun = [why.open(state) for state in x.open_steps()]
    ahead = [] if x.is_terminal else [why.ahead(step) for step in why.not_begun()]
    waiting = _in_order(x, [*begun, *_with_wake_ups(x, begun, ahead)])
    return Why(*outlook(x), _parties(x, waiting), tuple(waiting))


def since(x: Execution, one: Waiting) -> float | None:
    """Return since when a step waits as it does, as far as the state knows; None of no run.

    What has not begun waits since what it needed had ended, or since its run did; what a turn or a
    resume is to move waits since anything has happened to the run.
    """
    because, state = one.cause.waiting_for, x.of(one.ref, one.phase)
    if one.cause.since is not None or x.requested is None:
        return one.cause.since
    if because in ("decision", "resume"):
        return x.updated_at or x.requested.at
    if state is not None and one.status is not None:
        return state.finished_at if because == "retry" else state.scheduled_at
    begun = x.reopened_at or x.requested.at
    if because not in ("room", "key"):
        return begun
    ends = [x.of(need) for need in x.step(one.ref).needs]
    return max((end.finished_at for end in ends if end and end.finished_at), default=begun)


class _Reader:
    """Reads one state; what all its steps share is looked up once."""

    def __init__(self, x: Execution) -> None:
        self._x = x
        self._outlook = outlook(x)
        open_ = x.open_steps()
        up = [state for state in open_ if state.phase == "up" and state.status != "splitting"]
        self._up = tuple(state.ref for state in up)
        self._holders = _holders(x, up)
        self._sources = _sources(x)

    def not_begun(self) -> list[Step]:
        return [step for step in self._x.definition.steps if _is_pending(self._x, step.ref)]

    # Steps that are open.

    def open(self, state: StepState) -> Waiting:
        """Return why an open step has not ended."""
        cause = self._held(state) or _CAUSES[state.status](self._x, state)
        wake_at = self._decided_at if cause.waiting_for == "decision" else self._wake(state)
        return Waiting(state.ref, state.phase, state.status, cause, wake_at)

    def _held(self, state: StepState) -> Cause | None:
        """Return what holds back a step whose own waiting is over, or whose timer stands still."""
        x = self._x
        by = self._settled_by(state)
        if x.paused and (by is not None or state.status in ("retrying", "sleeping")):
            return Cause("resume", until=due_at(state), by=by or "")
        return None if by is None else Cause("decision", by=by)

    def _settled_by(self, state: StepState) -> str | None:
        """Return who has settled how a step ends, None when nobody has yet."""
        x = self._x
        if state.phase != "up":
            return None
        settled = x.forced.get(state.ref) or state.resolution
        if settled is not None and state.status not in IN_FLIGHT:
            return settled.by
        woken = state.status == "sleeping" and (state.ref in x.wakes or None in x.wakes)
        answered = state.status == "accepted" and state.callback is not None
        return "" if woken or answered else None

    def _wake(self, state: StepState) -> float | None:
        if self._x.paused:
            return None
        if state.status in IN_FLIGHT:
            return listen_until(self._x.definition.timeout_of(state.ref, state.phase), state)
        return self._outlook.wake_at if state.status == "splitting" else due_at(state)

    @property
    def _decided_at(self) -> float | None:
        return None if self._x.paused else self._x.updated_at

    # Steps that have not begun.

    def ahead(self, step: Step) -> Waiting:
        """Return why a step has not begun."""
        cause = self._ahead(step)
        wake_at = self._outlook.wake_at
        return Waiting(step.ref, "up", None, cause, wake_at)

    def _ahead(self, step: Step) -> Cause:
        x = self._x
        if step.after and not x.in_epilogue:
            return self._end_of_work(step)
        if x.closing is not None or (x.in_epilogue and not step.after):
            return Cause("unwinding")
        walked = x.definition.planner == "path" and not step.after
        first = self._reach(step) if walked else self._needs(step)
        first = first or self._turn(step)
        if first is not None and step.ref not in x.forced:
            return first
        forced = x.forced.get(step.ref)
        by = forced.by if forced is not None else ""
        if x.paused:
            return Cause("resume", by=by)
        if self._outlook.waiting_for in ("decision", "slot"):
            return Cause(self._outlook.waiting_for, by=by)
        return self._bounds(step)

    def _turn(self, step: Step) -> Cause | None:
        """Return what a step of a loop waits for that has no turn yet: its loop, or its item's."""
        place, x = place_of(step.ref), self._x
        if place is None:
            return None
        if place.loop not in x.loops:
            return Cause("needs", refs=(place.loop,))
        each, fan = x.step(place.loop).each, x.fans[place.loop]
        if place.number >= len(fan.items):
            return Cause("unwinding")  # of when the loop had more items than it has now
        if place.number in fan.live or each is None or each.concurrency is None:
            return None
        if len(fan.live) < each.concurrency:
            return None
        return Cause("room", refs=_under_way(x, place.loop), limit=each.concurrency)

    def _end_of_work(self, step: Step) -> Cause:
        """Return what is open of the work that has to come to its end first."""
        x = self._x
        if x.unwinding is not None and x.unwinding.outcome not in step.after:
            return Cause("unwinding")
        open_ = tuple(dict.fromkeys(s.ref for s in x.open_steps() if s.phase in ("up", "down")))
        if open_:
            return Cause("needs", refs=open_)
        return Cause("resume" if x.paused else self._outlook.waiting_for or "decision")

    def _needs(self, step: Step) -> Cause | None:
        x = self._x
        same = [need for need in step.needs if bool(x.step(need).after) == bool(step.after)]
        needs = tuple(need for need in dict.fromkeys(same) if _is_unsettled(x, need))
        return Cause("needs", refs=needs) if needs else None

    def _reach(self, step: Step) -> Cause | None:
        """Return from where a walker may come, None when one stands before the step."""
        x = self._x
        if not x.tokens and step.ref == x.definition.entrypoint:
            return None
        for token in x.tokens.values():
            if token.status == "ready" and token.target == step.ref and step.kind != "join":
                return None
            if token.status == "split" and x.step(token.at).join == step.ref:
                inside = _inside(x, token.at, step.ref)
                return Cause("join", refs=inside) if inside else None
        return Cause("reach", refs=self._sources.get(step.ref, ()))

    def _bounds(self, step: Step) -> Cause:
        """Return which bound keeps a step back that has all that it needs."""
        limit, key = self._x.definition.max_parallel, step.concurrency_key
        if limit is not None and len(self._up) >= limit:
            return Cause("room", refs=self._up, limit=limit)
        return Cause("key", refs=self._holders.get(key or "", ()), key=key or "")


def _inside(x: Execution, split: str, join: str) -> tuple[str, ...]:
    """Return the steps on which walkers stand, or to which they go, between a split and its join.

    A branch whose walker has failed, or stands before the join, is over.
    """
    state = x.of(split)
    branches = state.tokens if state is not None else ()
    found: dict[str, None] = {}
    for id, token in sorted(x.tokens.items()):
        if any(id == branch or id.startswith(f"{branch}/") for branch in branches):
            if token.status == "busy":
                found[token.at] = None
            elif token.status == "ready" and token.target not in (None, join):
                found[token.target or ""] = None
    return tuple(found)


def _under_way(x: Execution, loop: str) -> tuple[str, ...]:
    """Return the steps of a loop's items that have begun and not ended."""
    return tuple(s.ref for s in x.open_steps() if s.phase == "up" and is_inside(s.ref, loop))


def _callback(x: Execution, state: StepState) -> Cause:
    return Cause("callback", since=state.scheduled_at, until=state.expires_at)


def _in_flight(x: Execution, state: StepState) -> Cause:
    if state.phase == "emit":
        return Cause("emit", key=state.key, since=state.dispatched_at)
    if state.kind == "child" and state.phase == "up":
        child = child_of_attempt(x, state.ref, state.visit, state.attempt)
        return Cause("child", child=child, since=state.dispatched_at)
    return Cause("task", since=state.dispatched_at)


def _waiting(x: Execution, state: StepState) -> Cause:
    opened = state.opened
    if opened is None:
        return Cause("event", until=state.expires_at)
    is_approval = opened.kind == "approval"
    return Cause(
        "approval" if is_approval else "event",
        key=opened.key,
        approvers=tuple(one for one in opened.approvers if one not in approvers(state.decisions)),
        opened=opened.id,
        since=opened.at,
        until=opened.expires_at,
    )


_CAUSES: dict[str, Callable[[Execution, StepState], Cause]] = {
    "scheduled": _in_flight,
    "running": _in_flight,
    "retrying": lambda _, state: Cause("retry", until=state.retry_at),
    "accepted": _callback,
    "sleeping": lambda _, state: Cause("sleep", until=state.wake_at),
    "waiting": _waiting,
    "splitting": lambda x, state: Cause("join", refs=_under_way(x, state.ref)),
}


def _parties(x: Execution, waiting: Iterable[Waiting]) -> tuple[Party, ...]:
    """Return who a run depends on, each once."""
    found: dict[Party, None] = {}
    reason = outlook(x).waiting_for
    if reason == "resume":
        found[Party("operator")] = None
    if reason == "slot":
        found[Party("run", x.requested.name if x.requested else "")] = None
    for one in waiting:
        if one.cause.waiting_for == "event":
            found[Party("sender", one.cause.key)] = None
        if one.cause.waiting_for == "approval":
            found |= dict.fromkeys(Party("approver", who) for who in one.cause.approvers or ("",))
    return tuple(found)


def _with_wake_ups(
    x: Execution, begun: Iterable[Waiting], ahead: Iterable[Waiting]
) -> list[Waiting]:
    """Return steps that have not begun, each with the first wake-up among those it waits for."""
    found = {one.ref: one for one in ahead}
    if x.definition.planner == "path":
        return list(found.values())
    wakes = {one.ref: one.wake_at for one in begun if one.phase == "up"}
    for ref in TopologicalSorter({s.ref: s.needs for s in x.definition.steps}).static_order():
        one = found.get(ref)
        if one is None:
            continue
        if one.cause.waiting_for in ("needs", "room", "key"):
            ats = [wakes.get(other) for other in one.cause.refs]
            one = one._replace(wake_at=min((at for at in ats if at is not None), default=None))
        found[ref], wakes[ref] = one, one.wake_at
    return list(found.values())


def _in_order(x: Execution, waiting: Iterable[Waiting]) -> list[Waiting]:
    """Return steps in the order of the definition, hooks behind them."""
    places = {step.ref: place for place, step in enumerate(x.definition.steps)}
    return sorted(waiting, key=lambda one: (places.get(one.ref, len(places)), one.phase != "up"))


def _is_pending(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is None or state.status == "reset"


def _is_unsettled(x: Execution, ref: str) -> bool:
    state = x.of(ref)
    return state is None or state.status == "reset" or state.status in OPEN


def _holders(x: Execution, up: Iterable[StepState]) -> dict[str, tuple[str, ...]]:
    """Return for each concurrency key the open steps that have it."""
    found: dict[str, tuple[str, ...]] = {}
    for state in up:
        key = x.step(state.ref).concurrency_key
        if key is not None:
            found[key] = (*found.get(key, ()), state.ref)
    return found


def _sources(x: Execution) -> dict[str, tuple[str, ...]]:
    """Return for each step of a path the steps that a walker may come from."""
    found: dict[str, dict[str, None]] = {}
    if x.definition.planner == "path":
        for step in x.definition.steps:
            for target in ways(step):
                found.setdefault(target, {})[step.ref] = None
    return {ref: tuple(sources) for ref, sources in found.items()}


def ways(step: Step) -> list[str]:
    """Return the steps of a path that a walker may go to from this one."""
    targets = [step.next, *(case.target for case in step.cases), step.default, *step.branches]
    return list(dict.fromkeys(target for target in targets if target))
