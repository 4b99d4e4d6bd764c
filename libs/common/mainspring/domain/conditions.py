"""What a delivery has to be like for a webhook to start a run.

A condition is one Jinja expression, bare or within braces, over `body`, `headers`, `query` and
`method`.  All of them have to hold.  One without an answer, such as one that reads what the
delivery does not have, is an error and no "no": a slip in a name would else let nothing through
for ever, and nobody would hear of it.  Who means "if it is there" says so with `default`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression import ExpressionError, Guard, guard_check, guard_holds
from mainspring.domain.message import Json

ROOTS: Final = ("body", "headers", "query", "method")
LONGEST: Final = 4096
_BRACED: Final = re.compile(r"\s*\{\{((?:(?!\{\{|\}\}).)*)\}\}\s*", re.DOTALL)


def condition_fault(text: str) -> str | None:
    """Return what is wrong with a condition; None when it is sound."""
    if len(text) > LONGEST:
        return f"is longer than {LONGEST} characters"
    rule = _bare(text)
    if not rule:
        return "must not be blank"
    if "{{" in rule or "{%" in rule:
        return "one expression is wanted, without braces or wholly within {{ }}"
    faults = guard_check(_guard(rule), (), ROOTS)
    return "; ".join(faults) or None


def meets(conditions: Sequence[str], delivery: Mapping[str, Json]) -> bool:
    """Say whether a delivery meets all conditions.

    Raises `DefinitionInvalid`, with its place, for one that has no answer.
    """
    for index, text in enumerate(conditions):
        try:
            if not guard_holds(_guard(_bare(text)), dict(delivery)):
                return False
        except ExpressionError as error:
            raise DefinitionInvalid([f"conditions[{index}]: {error}"]) from None
    return True


def _bare(text: str) -> str:
    braced = _BRACED.fullmatch(text)
    return (text if braced is None else braced[1]).strip()


def _guard(rule: str) -> Guard:
    return Guard(language="jinja", rule=rule)
