"""The condition of a task, joined with what the task that it stands in has chosen."""

import re
from typing import Final

from mainspring.domain.expression import ExpressionError, Guard, guard_references
from mainspring.http.faults import Faults
from mainspring_api.dialects.flows.definitions.expressions import LOOP, Scope

_BRACED: Final = re.compile(r"\s*\{\{((?:(?!\{\{|\}\}).)*)\}\}\s*", re.DOTALL)
NEVER: Final = Guard(language="jinja", rule="false")


def rule_of(when: str | bool | None, place: str, faults: Faults) -> str:
    """Return a condition as an expression without braces; "" where there is none."""
    if when is None or when is True:
        return ""
    if when is False:
        return "false"
    braced = _BRACED.fullmatch(when)
    if braced is not None:
        return braced[1].strip()
    if "{{" in when or "{%" in when:
        faults.add(place, "one expression is wanted, without braces or wholly within {{ }}")
        return ""
    if not when.strip():
        faults.add(place, "must not be blank")
    return when.strip()


def check_rule(rule: str, place: str, scope: Scope, faults: Faults) -> bool:
    """Note what is wrong with a condition; say whether it reads the item of a loop."""
    if not rule:
        return False
    try:
        paths = guard_references(Guard(language="jinja", rule=rule))
    except ExpressionError as error:
        faults.add(place, str(error))
        return False
    scope._replace(has_store=False).check_paths(paths, place, faults)
    return any(path and path[0] in LOOP for path in paths)


def joined(*rules: str) -> Guard | None:
    """Return the guard that holds when all rules do; None for no rule."""
    told = [rule for rule in rules if rule]
    if not told:
        return None
    whole = told[0] if len(told) == 1 else " and ".join(f"({rule})" for rule in told)
    return Guard(language="jinja", rule=whole)
