"""From envelopes to a state: decode, fold, and stamp what only the envelope knows."""

from collections.abc import Iterable
from typing import cast

from mainspring.domain.envelope import Envelope
from mainspring.domain.execution.events import Event
from mainspring.domain.execution.evolve import evolve
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import replace
from mainspring.domain.upcast import decode


def event_of(envelope: Envelope) -> Event:
    """Return the event of an envelope in its newest shape.  Raises `Corrupt`."""
    message = decode("execution", envelope.type, envelope.schema_version, envelope.body)
    return cast("Event", message)


def apply(x: Execution, envelope: Envelope, event: Event) -> Execution:
    """Return the state after one event of the log."""
    return stamped(evolve(x, event), envelope)


def stamped(x: Execution, envelope: Envelope) -> Execution:
    """Return the state after an event with what only its envelope knows."""
    x = replace(x, hash=envelope.hash, updated_at=envelope.recorded_at)
    if envelope.version > 1:
        return x
    meta = envelope.meta
    return replace(x, project=envelope.project, created_by=meta.actor, traceparent=meta.traceparent)


def replay(x: Execution, envelopes: Iterable[Envelope]) -> Execution:
    """Return the state after events of the log, oldest first."""
    for envelope in envelopes:
        x = apply(x, envelope, event_of(envelope))
    return x
