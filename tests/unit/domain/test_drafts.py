"""A decision carries the state after each of its events; whoever writes them down uses those."""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest

from mainspring.domain import catalog
from mainspring.domain.envelope import Envelope
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import drafted
from mainspring.domain.execution.evolve import evolve
from mainspring.domain.execution.history import apply, event_of
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.upcast import event_in
from mainspring.store import views
from mainspring.testing.kept import from_lines

KEPT = Path(__file__).parents[2] / "replay" / "histories"
HISTORIES = sorted(KEPT.glob("*.jsonl"))


def moments(path: Path) -> Iterator[tuple[Execution, list[Envelope]]]:
    """Yield the state at each moment of a kept run that has begun, and what came after it."""
    compiled, *stream = from_lines(path.read_bytes())
    event = event_in(compiled)
    assert isinstance(event, catalog.DefinitionCompiled)
    x = absent(stream[0].stream.id, event.definition)
    for place, envelope in enumerate(stream, start=1):
        x = apply(x, envelope, event_of(envelope))
        yield x, stream[place:]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_states_that_are_known_lead_to_the_rows_that_folding_leads_to(path: Path) -> None:
    for x, rest in moments(path):
        events = [event_of(envelope) for envelope in rest]
        states = list(accumulate(events, evolve, initial=x))[1:]
        assert views.project(x, rest, events, states) == views.project(x, rest, events)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_decision_has_the_state_after_each_of_its_events(path: Path) -> None:
    for x, _ in moments(path):
        draft = drafted(c.Advance(now=x.updated_at + 1e6, seed="law"), x)
        assert draft.states == list(accumulate(draft.events, evolve, initial=x))[1:]
        assert draft.x == (draft.states or [x])[-1]
