"""What a run takes: declared inputs, and the check of what was given.

Nothing is converted: "3" is no number.  What is declared and not given has its default, or is left
out; what is given and not declared is a fault, for it is most often a mistyped name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec

from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression.pattern import compile_pattern
from mainspring.domain.message import Json

InputType: TypeAlias = Literal["string", "number", "integer", "boolean", "array", "object", "any"]


class Input(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True
):
    """One declared input.  `default` counts only with `has_default`: null may be one.

    `least` and `most` bound a number, or the length of a text or a list.  `pattern` is an RE2 that
    the whole text must match.
    """

    name: str
    type: InputType = "any"
    required: bool = False
    has_default: bool = False
    default: Json = None
    enum: tuple[Json, ...] | None = None
    pattern: str | None = None
    least: float | None = None
    most: float | None = None
    description: str = ""


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS: Final[Mapping[InputType, Callable[[Json], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "any": lambda _: True,
}


def settle(declared: Sequence[Input], given: Mapping[str, Any]) -> dict[str, Json]:
    """Return the inputs of a run: what was given, and defaults for the rest.

    Raises `DefinitionInvalid` with all faults, each with its place (`inputs.name: …`).
    """
    known = {each.name for each in declared}
    faults = [f"inputs.{name[:64]}: there is no such input" for name in given if name not in known]
    settled: dict[str, Json] = {}
    for one in declared:
        if one.name in given:
            fault = fault_of(one, given[one.name])
            faults += [f"inputs.{one.name}: {fault}"] if fault else []
            settled[one.name] = given[one.name]
        elif one.has_default:
            settled[one.name] = one.default
        elif one.required:
            faults.append(f"inputs.{one.name}: is required")
    if faults:
        raise DefinitionInvalid(faults)
    return settled


def fault_of(one: Input, value: Json) -> str | None:
    """Return what is wrong with a value for an input, also for its default; None when nothing."""
    if not _IS[one.type](value):
        article = "an" if one.type in ("integer", "array", "object") else "a"
        return f"{article} {one.type} is wanted"
    if one.enum is not None and value not in one.enum:
        return f"must be one of {msgspec.json.encode(one.enum).decode()[:200]}"
    if one.pattern is not None and isinstance(value, str) and not _matches(one.pattern, value):
        return f"does not match {one.pattern}"
    return _out_of_bounds(one, value)


def _out_of_bounds(one: Input, value: Json) -> str | None:
    what = "" if _is_number(value) else "its length "
    if not what:
        size = float(value)
    elif isinstance(value, str | list):
        size = float(len(cast("str", value)))
    else:
        return None
    if one.least is not None and size < one.least:
        return f"{what}must be {one.least:g} or more"
    if one.most is not None and size > one.most:
        return f"{what}must be {one.most:g} or less"
    return None


def _matches(pattern: str, value: str) -> bool:
    return compile_pattern(rf"\A(?:{pattern})\z").found(value)
