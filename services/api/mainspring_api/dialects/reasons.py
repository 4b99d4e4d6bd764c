"""Why something waits, in the words of a dialect: a sentence, and who or what would move it.

A dialect says how it calls a run and its parts and where in it something is asked for; the
sentences are the same for all.  Rival lost: sentences of each dialect's own, which would tell of
one and the same wait differently, and of a new one nowhere.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

import msgspec

from mainspring.domain.execution.explain import Because, Cause, Waiting, Why
from mainspring.domain.execution.state import Execution
from mainspring.http.instants import shown

MOST_NAMED: Final = 5
Role: TypeAlias = Literal[
    "scheduler",
    "executor",
    "clock",
    "service",
    "sender",
    "approver",
    "operator",
    "run",
    "node",
    "step",
    "task",
]


class Mover(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who or what would move something, and by which request if by any.

    One without a name is anyone of its role.
    """

    role: Role
    text: str
    name: str | None = None
    request: str | None = None


class Words(NamedTuple):
    """How a dialect calls a run, its parts and their definition, and what it is asked by.

    `requests` are by reason; `{id}` is the run, `{ref}` the part, `{key}` the event's key,
    `{opened}` the trigger or approval, `{child}` the other run.
    """

    run: str
    step: Literal["node", "step", "task"]
    workflow: str
    requests: Mapping[Because, str]


SHARED: Final[dict[Because, str]] = {
    "event": "POST /v1/events/{key}/send",
    "callback": "POST /sagas/{id}/node/{ref}/callback",
    "resume": "POST /v1/workflow-runs/{id}/resume",
    "approval": "POST /v1/workflow-runs/{id}/steps/{ref}/approve",
    "sleep": "POST /v1/workflow-runs/{id}/steps/{ref}/force-complete",
}
"""Requests for which a dialect that has none of its own uses those of another."""


# Sentences.


def run_text(x: Execution, why: Why, words: Words) -> str:
    """Return why a run is where it is, in one sentence."""
    match why.waiting_for:
        case None:
            return "it has ended" if x.is_terminal else "it waits for nothing"
        case "resume":
            return "it is paused: it goes on when somebody resumes it"
        case "slot":
            return (
                f"it waits for the end of another {words.run} of its {words.workflow}, whose"
                f" {words.run}s are bounded"
            )
        case "decision":
            return "the scheduler decides on its next turn"
        case _:
            return f"{_phase(x)}{_steps_text(why, words)}"


def _phase(x: Execution) -> str:
    if x.is_terminal:
        return "it has ended and gives notice of it: "
    if x.unwinding is not None:
        return f"it is being wound up ({x.unwinding.reason}): "
    return ""


def _steps_text(why: Why, words: Words) -> str:
    going = sum(one.status is not None for one in why.steps)
    return f"{_count(going, words)} under way, {_count(len(why.steps) - going, words)} not begun"


def _count(number: int, words: Words) -> str:
    return f"{number} {words.step}{'s' * (number != 1)}"


def step_text(cause: Cause, words: Words) -> str:
    """Return what a part of a run waits for, in one sentence."""
    return _TEXTS[cause.waiting_for](cause, words)


def named(names: Iterable[str]) -> str:
    """Return some names, and how many more there are."""
    all_names = list(names)
    more = len(all_names) - MOST_NAMED
    return ", ".join(all_names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _until(cause: Cause) -> str:
    return "" if cause.until is None else f" until {shown(cause.until)}"


def _since(cause: Cause) -> str:
    return "" if cause.since is None else f" since {shown(cause.since)}"


def _decision(cause: Cause, _: Words) -> str:
    settled = f"{cause.by} has settled it; " if cause.by else ""
    return f"{settled}the scheduler decides on its next turn"


def _resume(cause: Cause, words: Words) -> str:
    settled = f"{cause.by} has settled it, but the" if cause.by else "the"
    due = (
        "" if cause.until is None else f", and what is due at {shown(cause.until)} waits till then"
    )
    return f"{settled} {words.run} is paused{due}"


_TEXTS: Final[dict[Because, Callable[[Cause, Words], str]]] = {
    "decision": _decision,
    "resume": _resume,
    "needs": lambda cause, _: f"waits for what it needs: {named(cause.refs)}",
    "room": lambda cause, _: (
        f"waits for a place: {cause.limit} may run at once, and {named(cause.refs)} do"
    ),
    "key": lambda cause, _: (
        f'waits for {named(cause.refs)} with the same concurrency key "{cause.key}"'
    ),
    "event": lambda cause, _: f'waits for an event with key "{cause.key}"{_until(cause)}',
    "approval": lambda cause, _: (
        f"waits for an approval by {named(cause.approvers) or 'anyone'}{_until(cause)}"
    ),
    "retry": lambda cause, _: f"is tried again at {shown(cause.until)}",
    "sleep": lambda cause, _: f"sleeps{_until(cause)}",
    "callback": lambda cause, _: f"was accepted, and waits for its callback{_until(cause)}",
    "child": lambda cause, words: f"waits for the {words.run} {cause.child}{_since(cause)}",
    "task": lambda cause, _: f"is with the executor{_since(cause)}",
    "emit": lambda cause, _: f'sends the event with key "{cause.key}"{_since(cause)}',
    "join": lambda cause, _: f"waits for its branches: {named(cause.refs)}",
    "reach": lambda cause, _: (
        f"is not reached yet; the way leads there from {named(cause.refs)}"
        if cause.refs
        else "is not reached, and no way leads there"
    ),
    "slot": lambda _, words: (
        f"waits with its {words.run} for the end of another {words.run} of the {words.workflow}"
    ),
    "unwinding": lambda _, words: f"will not begin: the {words.run} is being wound up",
}


# Movers.


class _Case(NamedTuple):
    """A part of a run that waits."""

    x: Execution
    one: Waiting
    words: Words

    @property
    def request(self) -> str | None:
        cause = self.one.cause
        form = self.words.requests.get(cause.waiting_for)
        names = {"id": self.x.id, "ref": self.one.ref, "key": cause.key}
        names |= {"opened": cause.opened, "child": cause.child}
        return form and form.format_map({key: quote(name, safe="") for key, name in names.items()})


def movers(x: Execution, one: Waiting, words: Words) -> tuple[Mover, ...]:
    """Return who or what would move a part of a run that waits; none, if it will not begin."""
    case = _Case(x, one, words)
    return (*_MOVERS[one.cause.waiting_for](case), *_clock(case))


def run_movers(x: Execution, why: Why, words: Words) -> tuple[Mover, ...]:
    """Return who or what would move a run next: what would move its parts that are under way."""
    first = next(iter(why.steps), None)
    match why.waiting_for:
        case None:
            return ()
        case "resume":
            request = words.requests["resume"].format(id=x.id)
            text = f"whoever resumes or cancels the {words.run}"
            return (Mover(role="operator", text=text, request=request),)
        case "slot":
            return _slot(_Case(x, first, words)) if first else ()
        case "decision":
            return (Mover(role="scheduler", text="the scheduler, on its next turn"),)
        case _:
            going = (one for one in why.steps if one.status is not None)
            found = (mover for one in going for mover in movers(x, one, words))
            return tuple(dict.fromkeys(found))


def _clock(case: _Case) -> tuple[Mover, ...]:
    because, at = case.one.cause.waiting_for, shown(case.one.wake_at)
    text = _TIMES.get(because)
    return () if at is None or text is None else (Mover(role="clock", text=f"{text} at {at}"),)


_TIMES: Final[dict[Because, str]] = {
    "retry": "the next try begins",
    "sleep": "the sleep is over",
    "event": "the wait is over without an event",
    "approval": "the wait is over without a decision",
    "callback": "the wait is over without a callback",
    "task": "it is handed out again, or has taken too long,",
    "child": "it is looked after again, or has taken too long,",
}
"""What time does to what waits, by the reason."""


def _scheduler(_: _Case) -> tuple[Mover, ...]:
    return (Mover(role="scheduler", text="the scheduler, on its next turn"),)


def _operator(case: _Case) -> tuple[Mover, ...]:
    text = f"whoever resumes or cancels the {case.words.run}"
    return (Mover(role="operator", text=text, request=case.request),)


def _slot(case: _Case) -> tuple[Mover, ...]:
    words, asked = case.words, case.x.requested
    name = asked.name if asked else None
    return (Mover(role="run", name=name, text=f"another {words.run} of {name} that ends"),)


def _others(verb: str) -> Callable[[_Case], tuple[Mover, ...]]:
    def found(case: _Case) -> tuple[Mover, ...]:
        role = case.words.step
        return tuple(
            Mover(role=role, name=ref, text=f"the {role} {ref} {verb}")
            for ref in case.one.cause.refs[:MOST_NAMED]
        )

    return found


def _sender(case: _Case) -> tuple[Mover, ...]:
    key = case.one.cause.key
    text = f"whoever sends the event {key}"
    return (Mover(role="sender", name=key, text=text, request=case.request),)


def _approvers(case: _Case) -> tuple[Mover, ...]:
    return tuple(
        Mover(
            role="approver",
            name=who or None,
            text=f"{who or 'anyone'} may approve or reject",
            request=case.request,
        )
        for who in case.one.cause.approvers or ("",)
    )


def _sleeper(case: _Case) -> tuple[Mover, ...]:
    if case.request is None:
        return ()
    text = f"whoever ends the sleep of the {case.words.step} early"
    return (Mover(role="operator", text=text, request=case.request),)


def _child(case: _Case) -> tuple[Mover, ...]:
    child = case.one.cause.child
    text = f"the {case.words.run} {child} ends"
    return (Mover(role="run", name=child, text=text, request=case.request),)


def _service(case: _Case) -> tuple[Mover, ...]:
    text = "the service that was called answers, with the token that it was given"
    return (Mover(role="service", text=text, request=case.request),)


def _executor(_: _Case) -> tuple[Mover, ...]:
    return (Mover(role="executor", text="the executor says how the call has ended"),)


_MOVERS: Final[dict[Because, Callable[[_Case], tuple[Mover, ...]]]] = {
    "decision": _scheduler,
    "emit": _scheduler,
    "resume": _operator,
    "slot": _slot,
    "needs": _others("ends"),
    "join": _others("ends"),
    "room": _others("ends"),
    "key": _others("ends"),
    "reach": _others("leads there"),
    "unwinding": lambda _: (),
    "event": _sender,
    "approval": _approvers,
    "retry": lambda _: (),
    "sleep": _sleeper,
    "callback": _service,
    "child": _child,
    "task": _executor,
}
