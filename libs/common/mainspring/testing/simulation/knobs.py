"""Spans of the engine that a history shortens, so that what is lost is missed sooner.

A minute of idle time costs more than everything that happens after it, and nothing is found in it.
One history in eight has the spans as they are.  The rival, a shorter span for everybody in
production, would hand out tasks again that only wait.
"""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Final

from mainspring.testing.simulation.faults import Chance

KNOBS: Final = (
    ("mainspring.domain.execution.steps", "LISTEN", 12.0),
    ("mainspring.domain.execution.react", "LISTEN", 12.0),
    ("mainspring_api.dialects.flows.definitions.compile", "TIMEOUT_S", 20.0),
)
"""Where a span is kept, and what it is shortened to."""

AS_IT_IS: Final = 0.12


@contextmanager
def turned(chance: Chance) -> Generator[None]:
    """Shorten the spans while a history lasts, most of the time."""
    if chance.hits(AS_IT_IS):
        yield
        return
    kept = [(import_module(module), name, span) for module, name, span in KNOBS]
    before = [getattr(module, name) for module, name, _ in kept]
    for module, name, span in kept:
        setattr(module, name, span)
    try:
        yield
    finally:
        for (module, name, _), span in zip(kept, before, strict=True):
            setattr(module, name, span)
