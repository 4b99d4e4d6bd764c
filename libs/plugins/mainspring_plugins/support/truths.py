"""What holds: the one rule by which a condition that was rendered is true or false.

A template gives a text as often as a value, so the words for no are false too.  A language's own
truth, by which "false" is true, would make every condition over a text input hold.
"""

from typing import Final

from mainspring.domain.message import Json

_NO: Final = frozenset(("", "false", "0", "no", "off"))


def holds(value: Json) -> bool:
    """Return False for false, null, 0, empty things, and the texts false, 0, no and off."""
    if isinstance(value, str):
        return value.strip().lower() not in _NO
    return bool(value)
