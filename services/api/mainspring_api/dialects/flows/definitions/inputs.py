"""Declared inputs: a list of them, or a map from their names."""

from collections.abc import Mapping
from typing import Final, cast

from mainspring.domain.expression import ExpressionError
from mainspring.domain.expression.pattern import compile_pattern
from mainspring.domain.expression.values import kind
from mainspring.domain.inputs import Input, InputType, fault_of
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown
from mainspring.http.reading import read
from mainspring_api.dialects.flows.definitions.form import InputForm

MOST: Final = 200
TYPES: Final[Mapping[str, InputType]] = {
    **{name: name for name in ("string", "number", "integer", "boolean", "array", "object", "any")},
    "text": "string",
    "float": "number",
    "int": "integer",
    "bool": "boolean",
    "list": "array",
    "map": "object",
    "json": "any",
}
"""The names of types, in whatever case they are written."""


def inputs_of(given: Json, faults: Faults, place: str = "inputs") -> tuple[Input, ...]:
    """Return the inputs that a flow declares; what is wrong with them is noted."""
    found: dict[str, Input] = {}
    for at, one in _listed(given, faults, place):
        if len(found) == MOST:
            faults.add(place, f"has more than {MOST} items")
            break
        form = read(one, InputForm, faults, at)
        if form is None:
            continue
        if form.name in found:
            faults.add(f"{at}.name", f'"{form.name}" is declared twice')
        sent = cast("dict[str, Json]", one)
        found[form.name] = _input(form, "default" in sent, at, faults)
    return tuple(found.values())


def _listed(given: Json, faults: Faults, place: str) -> list[tuple[str, Json]]:
    """Return the inputs one by one, each with its name inside and its place."""
    if given is None:
        return []
    if isinstance(given, list):
        return [(item(place, index), one) for index, one in enumerate(cast("list[Json]", given))]
    if not isinstance(given, dict):
        faults.add(place, f"a list or an object is wanted, not {kind(given)}")
        return []
    members = cast("dict[str, Json]", given).items()
    return [
        (below(place, name), _named(name, one, below(place, name), faults)) for name, one in members
    ]


def _named(name: str, one: Json, place: str, faults: Faults) -> Json:
    if one is None or isinstance(one, str):
        return {"name": name, **({} if one is None else {"type": one})}
    if not isinstance(one, dict):
        return one
    fields = cast("dict[str, Json]", one)
    if fields.get("name", name) != name:
        faults.add(f"{place}.name", f'is not the name that it stands under, "{shown(name)}"')
    return {**fields, "name": name}


def _input(form: InputForm, has_default: bool, place: str, faults: Faults) -> Input:
    type = TYPES.get(form.type.lower())
    if type is None:
        faults.unknown(f"{place}.type", "type", form.type, TYPES)
    found = Input(
        name=form.name,
        type=type or "any",
        required=form.required,
        has_default=has_default,
        default=form.default,
        enum=form.enum,
        pattern=form.pattern if _is_pattern(form.pattern, f"{place}.pattern", faults) else None,
        least=form.min,
        most=form.max,
        description=form.description,
    )
    if has_default and type is not None and (fault := fault_of(found, form.default)):
        faults.add(f"{place}.default", fault)
    return found


def _is_pattern(pattern: str | None, place: str, faults: Faults) -> bool:
    try:
        if pattern is not None:
            compile_pattern(rf"\A(?:{pattern})\z")
    except ExpressionError as error:
        faults.add(place, str(error))
        return False
    return True
