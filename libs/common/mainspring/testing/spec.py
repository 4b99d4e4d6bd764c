"""given / when / then for the execution decider.

    given(path(task("a"), task("b")))
        .when(advance()).then(has(ExecutionStarted), has(StepScheduled, ref="a"))
        .when(answers("a", 500)).then_has(has(StepFailed, ref="a", retry_at=None))

A spec goes on from what was decided, so one chain tells a whole run.  `has` names only the fields
that the law speaks of.  Time stands still unless `at` moves it; `answers`, `starts` and
`calls_back` speak of the attempt that is now in flight, unless they name an older one.  The rival,
a table of full events for each case, breaks with every field that is added and hides what a case
is about.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mainspring.domain.definition import Definition
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.evolve import fold
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.message import Json, replace
from mainspring.domain.task import CallId, Exchange, Fault, Finished, Phase, Started

START = 1_795_000_000.0
"""The instant at which specs begin."""

EXECUTION = "01a00000-0000-7000-8000-000000000001"

Asking: TypeAlias = Callable[[Execution, float], c.Command]
"""A command that depends on the state and the instant at which it is given."""


class Pattern:
    """An event of one type, of which only some fields are named."""

    def __init__(self, type: type[e.Event], fields: dict[str, Any]) -> None:
        self._type = type
        self._fields = fields

    def fits(self, event: e.Event) -> bool:
        """Say whether an event is of the type and has the named fields."""
        return isinstance(event, self._type) and all(
            getattr(event, name) == value for name, value in self._fields.items()
        )

    def __repr__(self) -> str:
        named = ", ".join(f"{name}={value!r}" for name, value in self._fields.items())
        return f"{self._type.__name__}({named})"


Expected: TypeAlias = Pattern | e.Event


def has(type: type[e.Event], **fields: Json) -> Pattern:
    """Return a pattern that fits events of a type with these fields."""
    unknown = set(fields) - set(type.__struct_fields__)
    if unknown:
        raise TypeError(f"{type.__name__} has no field {sorted(unknown)}")
    return Pattern(type, fields)


def _fits(expected: Expected, event: e.Event) -> bool:
    return expected.fits(event) if isinstance(expected, Pattern) else expected == event


def _lines(what: Sequence[object]) -> str:
    return "".join(f"\n    {one!r}" for one in what) or "\n    (nothing)"


class Spec:
    """An execution at some point of its life, and what the last command led to."""

    def __init__(
        self,
        x: Execution,
        now: float,
        events: Sequence[e.Event] = (),
        error: Exception | None = None,
    ) -> None:
        self.state = x
        self.now = now
        self.events = tuple(events)
        self.error = error

    def when(self, asked: c.Command | Asking, *, at: float | None = None) -> "Spec":
        """Give a command, `at` seconds after the spec's beginning; what it decides is folded in."""
        self._must_have_gone_well()
        now = self.now if at is None else START + at
        command = asked(self.state, now) if callable(asked) else asked
        try:
            events = decide(command, self.state)
        except Exception as error:  # noqa: BLE001 - judged by `then_raises`, else raised by `then`
            return Spec(self.state, now, (), error)
        return Spec(fold(self.state, events), now, events)

    def then(self, *expected: Expected) -> "Spec":
        """Demand exactly these events, in this order."""
        self._must_have_gone_well()
        pairs = zip(expected, self.events, strict=False)
        if len(expected) != len(self.events) or not all(_fits(*pair) for pair in pairs):
            wanted, found = _lines(expected), _lines(self.events)
            raise AssertionError(f"expected:{wanted}\n  but decided:{found}")
        return self

    def then_has(self, *expected: Expected) -> "Spec":
        """Demand these events in this order, among others."""
        self._must_have_gone_well()
        rest = iter(self.events)
        for one in expected:
            if not any(_fits(one, event) for event in rest):
                found = _lines(self.events)
                raise AssertionError(f"expected, in order: {one!r}\n  but decided:{found}")
        return self

    def then_not(self, *unwanted: type[e.Event]) -> "Spec":
        """Demand that no event of these types was decided."""
        self._must_have_gone_well()
        found = [event for event in self.events if isinstance(event, unwanted)]
        if found:
            raise AssertionError(f"not expected:{_lines(found)}")
        return self

    def then_nothing(self) -> "Spec":
        """Demand that nothing happened."""
        return self.then()

    def then_raises(self, error: type[Exception], says: str = "") -> "Spec":
        """Demand a refusal whose text contains `says`; the state is as before."""
        if not isinstance(self.error, error) or says not in str(self.error):
            found = repr(self.error) if self.error else _lines(self.events)
            raise AssertionError(f"expected {error.__name__} saying {says!r}, but got {found}")
        return Spec(self.state, self.now)

    def then_is(self, status: str, **fields: object) -> "Spec":
        """Demand a status of the run, and values of other fields of its state."""
        self._must_have_gone_well()
        wanted = {"status": status} | fields
        found = {name: getattr(self.state, name) for name in wanted}
        if found != wanted:
            raise AssertionError(f"expected {wanted}, but it is {found}")
        return self

    def step_is(self, ref: str, status: str, *, phase: Phase = "up", **fields: object) -> "Spec":
        """Demand a status of a step, and values of other fields of its state."""
        self._must_have_gone_well()
        step = self.state.of(ref, phase)
        wanted = {"status": status} | fields
        found = step and {name: getattr(step, name) for name in wanted}
        if found != wanted:
            raise AssertionError(f"expected {ref} {wanted}, but it is {found}")
        return self

    def _must_have_gone_well(self) -> None:
        if self.error is not None:
            raise self.error


def requested(definition: Definition, **fields: Json) -> e.ExecutionRequested:
    """Return the first event of a run of a definition."""
    plain = e.ExecutionRequested(
        definition=definition.hash,
        name=definition.name,
        version=definition.version,
        dialect="sagas",
        at=START,
    )
    return replace(plain, **fields)


def given(definition: Definition, *history: e.Event, payload: Json = None) -> Spec:
    """Begin with a run of `definition` that was requested, and what happened to it since."""
    first = requested(definition, payload=payload)
    x = fold(absent(EXECUTION, definition), [first, *history])
    return Spec(x, START)


def advance(*, lost_before: float = 0.0) -> Asking:
    """Let the scheduler decide what follows from the state as it is."""

    def ask(_: Execution, now: float) -> c.Command:
        return c.Advance(now=now, seed="spec", lost_before=lost_before)

    return ask


def _call(
    x: Execution, ref: str, phase: Phase, visit: int | None = None, attempt: int | None = None
) -> CallId:
    """Return the attempt that is meant: the present one unless an older one is named."""
    step = x.of(ref, phase)
    return CallId(
        execution=x.id,
        ref=ref,
        phase=phase,
        visit=visit or (step.visit if step else 1),
        attempt=attempt or (step.attempt if step else 1),
    )


def starts(ref: str, *, phase: Phase = "up", attempt: int | None = None) -> Asking:
    """Let an executor report that it has begun."""

    def ask(x: Execution, now: float) -> c.Command:
        report = Started(call=_call(x, ref, phase, None, attempt), at=now)
        return c.RecordReport(report=report, now=now, seed="spec")

    return ask


def answers(  # noqa: PLR0913 - a peer's answer has that many sides
    ref: str,
    status: int = 200,
    body: Json = None,
    *,
    phase: Phase = "up",
    visit: int | None = None,
    attempt: int | None = None,
    retry_after: float | None = None,
) -> Asking:
    """Let an executor report a peer's answer."""

    def ask(x: Execution, now: float) -> c.Command:
        exchange = Exchange(
            verb="POST",
            url=f"http://peer.test/{ref}",
            started_at=now,
            latency=0.1,
            status=status,
            body=body,
            retry_after=retry_after,
        )
        report = Finished(call=_call(x, ref, phase, visit, attempt), exchange=exchange)
        return c.RecordReport(report=report, now=now, seed="spec")

    return ask


def breaks(ref: str, fault: Fault = "timeout", *, phase: Phase = "up") -> Asking:
    """Let an executor report that there was no answer."""

    def ask(x: Execution, now: float) -> c.Command:
        exchange = Exchange(
            verb="POST",
            url=f"http://peer.test/{ref}",
            started_at=now,
            latency=0.1,
            fault=fault,
            error=f"no answer: {fault}",
        )
        report = Finished(call=_call(x, ref, phase), exchange=exchange)
        return c.RecordReport(report=report, now=now, seed="spec")

    return ask


def calls_back(
    ref: str, body: Json = None, *, attempt: int | None = None, nonce: str | None = None
) -> Asking:
    """Let a peer answer an asynchronous call."""

    def ask(x: Execution, now: float) -> c.Command:
        call = _call(x, ref, "up", None, attempt)
        step = x.of(ref)
        return c.DeliverCallback(
            ref=ref,
            visit=call.visit,
            attempt=call.attempt,
            nonce=nonce if nonce is not None else (step.nonce if step else ""),
            body=body,
            now=now,
        )

    return ask
