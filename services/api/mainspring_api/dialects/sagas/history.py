"""What the steps of a run came to, read from its events: they are the only record of every try.

A row for each try of a call, with its answer; for an asynchronous step one for the accepting answer
and one for the callback; one for a switch, a split and a join.  Sleeps have none, nor have the
notices at a run's end.  A row's id is the version of its event: it orders the rows and stays.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, cast

from mainspring.domain.definition import Definition
from mainspring.domain.envelope import Envelope
from mainspring.domain.errors import Corrupt
from mainspring.domain.execution import events as e
from mainspring.domain.message import Json
from mainspring.domain.task import Exchange
from mainspring.domain.upcast import decode
from mainspring.http.instants import millis, shown
from mainspring_api.dialects.sagas import wire

STEPS: Final = ("up", "down")
"""The phases that clients of this dialect know; the others are notices of the engine."""

Told = tuple[Envelope, e.Event]


def told(history: Iterable[Envelope]) -> list[Told]:
    """Return the events of a stream beside their envelopes."""
    return [
        (one, cast("e.Event", decode("execution", one.type, one.schema_version, one.body)))
        for one in history
    ]


def steps(history: Iterable[Told], definition: Definition) -> list[wire.StepResult]:
    """Return what became of each step, in the order in which it became known."""
    reader = _Reader(definition)
    return [row for envelope, event in history for row in reader.read(envelope, event)]


def calls(history: Iterable[Told]) -> list[wire.StepCall]:
    """Return every HTTP try of a step."""
    return [
        _call(envelope, event, event.exchange)
        for envelope, event in history
        if isinstance(event, e.StepAccepted | e.StepSucceeded | e.StepFailed)
        and event.exchange is not None
        and event.phase in STEPS
    ]


def _call(
    envelope: Envelope, event: e.StepAccepted | e.StepSucceeded | e.StepFailed, made: Exchange
) -> wire.StepCall:
    return wire.StepCall(
        id=envelope.version,
        step_name=event.ref,
        phase=_phase(event),
        attempt=event.attempt - 1,
        step_started_at=shown(made.started_at),
        created_at=shown(event.at),
        latency_ms=millis(made.latency),
        request_url=made.url,
        request_body=made.request_body,
        status_code=made.status,
        response_headers=made.headers or None,
        response_body=made.body,
        error=made.error or made.fault,
    )


def _phase(event: e.StepEvent) -> Literal["UP", "DOWN"]:
    return "UP" if event.phase == "up" else "DOWN"


class _Reader:
    """Reads events in their order, and remembers what later rows refer to."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._began = 0.0
        self._completed: dict[str, int] = {}
        self._count = 0
        self._accepted: dict[str, float] = {}
        self._answers: dict[str, Json] = {}
        self._parted: dict[str, float] = {}

    def read(self, envelope: Envelope, event: e.Event) -> Iterator[wire.StepResult]:
        """Yield the rows of one event."""
        match event:
            case e.ExecutionRequested():
                self._began = event.at
            case e.CallbackReceived():
                self._answers[event.ref] = event.body
            case e.StepRouted():
                yield self._row(envelope, event, "SWITCH", event.at, body=_route(event))
            case e.StepSplit():
                yield self._split(envelope, event)
            case e.StepAccepted():
                yield self._try(envelope, event, event.exchange, success=True)
                self._accepted[event.ref] = event.at
                self._answers.pop(event.ref, None)
            case e.StepSucceeded() if event.phase in STEPS:
                yield from self._succeeded(envelope, event)
            case e.StepFailed() if event.phase in STEPS:
                yield self._failed(envelope, event)
            case _:
                pass

    def _succeeded(self, envelope: Envelope, event: e.StepSucceeded) -> Iterator[wire.StepResult]:
        kind = self._definition.by_ref[event.ref].kind
        if event.exchange is not None:
            yield self._try(envelope, event, event.exchange, success=True)
        elif kind == "join":
            since = self._parted.get(self._definition.split_of.get(event.ref, ""), event.at)
            yield self._row(envelope, event, "JOIN", event.at, body=event.output, since=since)
        elif kind != "sleep":
            since = self._accepted.pop(event.ref, None)
            # What other dialects wait for has no call, but it has a result.
            phase = "CALLBACK" if since is not None else _phase(event)
            yield self._row(envelope, event, phase, event.at, body=event.output, since=since)
        if event.phase == "up":
            self._completed[event.ref] = self._count
            self._count += 1

    def _failed(self, envelope: Envelope, event: e.StepFailed) -> wire.StepResult:
        if event.exchange is not None:
            return self._try(envelope, event, event.exchange, success=False, error=event.reason)
        since = self._accepted.pop(event.ref, None)
        body = self._answers.pop(event.ref, None)
        phase: wire.Phase = _phase(event)
        if since is not None:
            phase = "CALLBACK"
        elif self._definition.by_ref[event.ref].kind == "switch":
            phase = "SWITCH"
        return self._row(
            envelope, event, phase, event.at, body=body, since=since, error=event.reason
        )

    def _split(self, envelope: Envelope, event: e.StepSplit) -> wire.StepResult:
        self._parted[event.ref] = event.at
        step = self._definition.by_ref[event.ref]
        body = {"branches": list(step.branches), "join": step.join}
        return self._row(envelope, event, "SPLIT", event.at, body=body)

    def _try(
        self,
        envelope: Envelope,
        event: e.StepAccepted | e.StepSucceeded | e.StepFailed,
        made: Exchange,
        *,
        success: bool,
        error: str | None = None,
    ) -> wire.StepResult:
        return wire.StepResult(
            id=envelope.version,
            step_index=self._index(event),
            step_name=event.ref,
            phase=_phase(event),
            success=success,
            started_at=shown(self._began),
            created_at=shown(event.at),
            latency_ms=millis(made.latency),
            step_started_at=shown(made.started_at),
            status_code=made.status,
            response_body=made.body,
            error=error,
        )

    def _row(  # noqa: PLR0913 - a row has that many sides
        self,
        envelope: Envelope,
        event: e.StepEvent,
        phase: wire.Phase,
        at: float,
        *,
        body: Json = None,
        since: float | None = None,
        error: str | None = None,
    ) -> wire.StepResult:
        began = at if since is None else since
        return wire.StepResult(
            id=envelope.version,
            step_index=self._index(event),
            step_name=event.ref,
            phase=phase,
            success=error is None,
            started_at=shown(self._began),
            created_at=shown(at),
            latency_ms=max(0, millis(at - began)),
            step_started_at=shown(began),
            response_body=body,
            error=error,
        )

    def _index(self, event: e.StepEvent) -> int:
        """Return how many steps were completed before; for a compensation, before its step."""
        return self._completed.get(event.ref, 0) if event.phase == "down" else self._count


def _route(event: e.StepRouted) -> Json:
    matched = event.case_name if event.case_name is not None else event.case
    return {"target": event.target, "matchedCase": matched, "usedDefault": event.case is None}


def definition_of(history: Iterable[Told]) -> str:
    """Return the hash of the definition that a run began with."""
    for _, event in history:
        if isinstance(event, e.ExecutionRequested):
            return event.definition
    raise Corrupt("an execution's history has no beginning")
