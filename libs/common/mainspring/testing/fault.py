"""What the books of the history checker say of an event: which law it breaks, and how."""

from typing import Final, NamedTuple

ROUNDING: Final = 0.001
"""Seconds that an event may seem early, by the rounding of instants on their way."""


class Fault(NamedTuple):
    """A law that an event breaks, and how."""

    law: str
    why: str
