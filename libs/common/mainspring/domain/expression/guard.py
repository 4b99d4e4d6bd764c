"""A guard is a rule with the name of its language; whoever asks it needs not know which.

The definition stores it as data.  A template's missing name prints nothing, but a guard without
an answer is an error with a reason: it decides what happens next.
"""

from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import islice
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from mainspring.domain.expression.cel import CompiledCel, compile_cel
from mainspring.domain.expression.condition import evaluate as condition_holds
from mainspring.domain.expression.conditionview import MAX_FAULTS, did_you_mean
from mainspring.domain.expression.conditionview import check as condition_faults
from mainspring.domain.expression.conditionview import references as condition_reads
from mainspring.domain.expression.errors import ExpressionFailed, ExpressionInvalid
from mainspring.domain.expression.jinja import CompiledJinja, compile_jinja_rule
from mainspring.domain.expression.jsonlogic import evaluate, truthy
from mainspring.domain.expression.ruleview import check as rule_faults
from mainspring.domain.expression.ruleview import references as rule_reads
from mainspring.domain.expression.values import Path, Value, kind

Language: TypeAlias = Literal["jsonlogic", "condition", "cel", "jinja"]


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule, and the language that it is written in; of CEL and of Jinja it is a text."""

    language: Language
    rule: Any  # plain JSON


def guard_references(guard: Guard) -> frozenset[Path]:
    """Return every path of the data that `guard` may read; raise `ExpressionInvalid` for none."""
    return _SPEECHES[guard.language].references(guard.rule)


def guard_holds(guard: Guard, data: dict[str, Value]) -> bool:
    """Return whether `guard` lets through; raise `ExpressionError` if it has no answer."""
    return _SPEECHES[guard.language].holds(guard.rule, data)


def guard_check(
    guard: Guard, refs: Collection[str], roots: Collection[str] | None = None
) -> list[str]:
    """Return every fault that needs no data to be seen.

    `refs` are the steps that there are; `roots`, if given, the only names that the data will have.
    """
    speech = _SPEECHES[guard.language]
    faults = speech.check(guard.rule, refs)
    # A condition has named its unknown steps itself, with their places.
    if faults or guard.language == "condition":
        return faults
    paths = sorted(speech.references(guard.rule))
    strange = (fault for path in paths for fault in _strange(path, refs, roots))
    return list(dict.fromkeys(islice(strange, MAX_FAULTS)))


def _strange(path: Path, refs: Collection[str], roots: Collection[str] | None) -> list[str]:
    match path:
        case (root, *_) if roots is not None and root not in roots:
            return [f'unknown name "{root[:40]}"{did_you_mean(root, roots)}']
        case ("steps", ref, *_) if ref not in refs:
            return [f'unknown step "{ref[:40]}"{did_you_mean(ref, refs)}']
        case _:
            return []


class _Speech(NamedTuple):
    """What a language has to offer."""

    check: Callable[[Value, Collection[str]], list[str]]
    references: Callable[[Value], frozenset[Path]]
    holds: Callable[[Value, dict[str, Value]], bool]


def _cel(rule: Value) -> CompiledCel:
    if not isinstance(rule, str):
        raise ExpressionFailed(f"a CEL expression is a text, not {kind(rule)}")
    return compile_cel(rule)


def _cel_check(rule: Value, _refs: Collection[str]) -> list[str]:
    try:
        _cel(rule)
    except (ExpressionInvalid, ExpressionFailed) as error:
        return [str(error)]
    return []


def _cel_holds(rule: Value, data: dict[str, Value]) -> bool:
    answer = _cel(rule).evaluate(data)
    if not isinstance(answer, bool):
        raise ExpressionFailed(f"a guard is true or false, not {kind(answer)}")
    return answer


def _cel_reads(rule: Value) -> frozenset[Path]:
    return _cel(rule).references


def _rule_check(rule: Value, _refs: Collection[str]) -> list[str]:
    return rule_faults(rule)


def _rule_holds(rule: Value, data: dict[str, Value]) -> bool:
    return truthy(evaluate(rule, data))


def _jinja(rule: Value) -> CompiledJinja:
    if not isinstance(rule, str):
        raise ExpressionFailed(f"a Jinja expression is a text, not {kind(rule)}")
    return _remembered(rule) if len(rule) <= _CACHED_LENGTH else compile_jinja_rule(rule)


_CACHED_LENGTH: Final = 4096
_remembered = lru_cache(maxsize=512)(compile_jinja_rule)


def _jinja_check(rule: Value, _refs: Collection[str]) -> list[str]:
    try:
        _jinja(rule)
    except (ExpressionInvalid, ExpressionFailed) as error:
        return [str(error)]
    return []


def _jinja_holds(rule: Value, data: dict[str, Value]) -> bool:
    return _jinja(rule).holds(data)


def _jinja_reads(rule: Value) -> frozenset[Path]:
    return _jinja(rule).references


_SPEECHES: Final[dict[Language, _Speech]] = {
    "jsonlogic": _Speech(_rule_check, rule_reads, _rule_holds),
    "condition": _Speech(condition_faults, condition_reads, condition_holds),
    "cel": _Speech(_cel_check, _cel_reads, _cel_holds),
    "jinja": _Speech(_jinja_check, _jinja_reads, _jinja_holds),
}
