"""Which of two media types a client would rather have, by its `Accept` header.

A header that cannot be read is one that asks for nothing: a read never fails because of it.
"""

import re
from typing import Final

_WEIGHT: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


def prefers(accept: str, kind: str, *, to: str) -> bool:
    """Return whether `kind` is wanted more than the other one."""
    weights = dict(_range(part) for part in accept.lower().split(","))
    return _weight(weights, kind) > _weight(weights, to)


def _weight(weights: dict[str, float], kind: str) -> float:
    """Return what the most exact range that a type lies in gives it."""
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((weights[one] for one in ranges if one in weights), 0.0)


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (text.strip() for text in part.split(";"))
    given = next((text[2:].strip() for text in parameters if text.startswith("q=")), "1")
    return kind, float(given) if _WEIGHT.fullmatch(given) else 0.0
