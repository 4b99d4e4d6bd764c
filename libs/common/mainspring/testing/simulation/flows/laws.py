"""What must hold of what starts flows, by the senders' records and when all has come to rest."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from mainspring.domain import kv
from mainspring.domain.envelope import Envelope
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.message import Json
from mainspring.domain.upcast import event_in
from mainspring.testing.occasions import Occasions
from mainspring.testing.simulation.flows.starters import Delivery
from mainspring.testing.simulation.flows.tasks import COUNTER

SLACK_S: Final = 10.0
"""How long, at most, a schedule that is due may be waiting for its turn when all is calm."""


def delivered(deliveries: Sequence[Delivery], log: Sequence[Envelope]) -> Iterator[str]:
    """Hold that a delivery that can be told from others has one run, and every answer has its own.

    One that cannot has a run for each call at most.
    """
    runs = _runs_of(log)
    for delivery in deliveries:
        found = runs.pop(delivery.name, set[str]())
        if delivery.turned_away or not delivery.is_wanted:
            yield from _chosen(delivery, found)
        if delivery.is_marked and len(found) > 1:
            yield f"delivery {delivery.name} has {len(found)} runs: {sorted(found)}"
        if not delivery.is_marked and len(found) > delivery.calls:
            yield f"{delivery.calls} calls of {delivery.name} have {len(found)} runs"
        if delivery.ids - found:
            told, kept = sorted(delivery.ids), sorted(found)
            yield f"delivery {delivery.name} was answered with {told}, the log has {kept}"
        if delivery.is_marked and found and not delivery.ids and not delivery.unknown:
            yield f"delivery {delivery.name} was refused, and has {sorted(found)}"
    for name, found in runs.items():
        yield f"runs of a delivery that nobody has made: {name} {sorted(found)}"


def _chosen(delivery: Delivery, found: set[str]) -> Iterator[str]:
    """Hold that what meets the conditions is let in, and that nothing else has a run."""
    if delivery.is_wanted:
        yield f"delivery {delivery.name} was turned away, and it meets the conditions"
    elif found:
        yield f"delivery {delivery.name} does not meet the conditions, and has {sorted(found)}"


def _runs_of(log: Sequence[Envelope]) -> dict[str, set[str]]:
    """Return the runs that webhooks have started, by the delivery that they tell of."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for envelope in log:
        if envelope.type == "ExecutionRequested":
            event = event_of(envelope)
            if isinstance(event, e.ExecutionRequested) and event.triggered_by == "webhook":
                found[_delivery(event.payload)].add(envelope.stream.id)
    return dict(found)


def _delivery(payload: Json) -> str:
    return str(payload["trigger"]["payload"]["delivery"])


def owing(log: Sequence[Envelope]) -> Iterator[str]:
    """Hold that at the end no starter owes a run."""
    if not log:
        return
    occasions = Occasions()
    for envelope in log:
        is_run = envelope.stream.category == "execution"
        list(occasions.note(envelope, event_of(envelope) if is_run else event_in(envelope)))
    for owed, fault in occasions.owed(log[-1].recorded_at, SLACK_S):
        yield f"{owed.stream}: [{fault.law}] {fault.why}"


def said(log: Sequence[Envelope]) -> Iterator[str]:
    """Hold that whoever has done nothing but say something is heard, and once."""
    heard: Counter[tuple[str, str, int, int]] = Counter()
    for envelope in log:
        if envelope.stream.category != "execution":
            continue
        event = event_of(envelope)
        if isinstance(event, e.StepLogged):
            attempt = (envelope.stream.id, event.ref, event.visit, event.attempt)
            heard[attempt] += len(event.lines)
        elif isinstance(event, e.StepSucceeded) and _has_only_spoken(event):
            attempt = (envelope.stream.id, event.ref, event.visit, event.attempt)
            if heard[attempt] != 1:
                yield f"{event.ref} of {envelope.stream.id} was heard {heard[attempt]} times"


def counted(log: Sequence[Envelope]) -> Iterator[str]:
    """Hold that the counter has gone up for everybody who was told so; it may count tries twice."""
    value, told = 0.0, 0
    for envelope in log:
        if envelope.stream.category == "kv":
            event = event_in(envelope)
            if isinstance(event, kv.ValueSet) and event.key == COUNTER:
                value = event.value
        elif envelope.type == "StepSucceeded":
            event = event_of(envelope)
            if isinstance(event, e.StepSucceeded) and _called(event) == "util.kv":
                told += 1
    if value < told:
        yield f"{told} were told that they have counted, and the counter is {value}"


def _has_only_spoken(event: e.StepSucceeded) -> bool:
    """Say whether a step has called the plugin that logs, and nothing else."""
    return _called(event) == "util.log"


def _called(event: e.StepSucceeded) -> str:
    """Return the plugin that a step has called in its own run."""
    return event.exchange.url if event.exchange is not None and event.attempt > 0 else ""
