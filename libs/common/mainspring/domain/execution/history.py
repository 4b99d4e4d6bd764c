"""From envelopes to a state: decode, fold, and stamp what only the envelope knows."""

from collections.abc import Iterable

from mainspring.domain.envelope import Envelope
from mainspring.domain.execution.events import Event
from mainspring.domain.execution.evolve import evolve
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import replace
from mainspring.domain.upcast import decode


def event_of(envelope: Envelope) -> Event:
    """Return the event of an envelope in its newest shape.  Raises `Corrupt`."""
    message = decode("execution", envelope.type, envelope.schema_version, envelope.body)
    return message  # type: ignore[return-value]


def apply(x: Execution, envelope: Envelope, event: Event) -> Execution:
    """Return the state after one event of the log."""
    origin = {"project": envelope.project, "created_by": envelope.meta.actor}
    return replace(
        evolve(x, event),
        hash=envelope.hash,
        updated_at=envelope.recorded_at,
        **(origin if envelope.version == 1 else {}),
    )


def replay(x: Execution, envelopes: Iterable[Envelope]) -> Execution:
    """Return the state after events of the log, oldest first."""
    for envelope in envelopes:
        x = apply(x, envelope, event_of(envelope))
    return x
