"""Reads plain JSON into structs and notes every fault on the way, where a decoder stops at one.

The structs are the one description of the wire: this reader and the OpenAPI document both follow
them, so they cannot part.  null counts as absent.  What cannot be read leaves a gap: its list goes
on without it, its object is not there; the caller looks at the faults before it believes a result.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar, cast

from msgspec import inspect
from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http import bodies
from mainspring.http.faults import Faults, below, item, shown

T = TypeVar("T")
Found: TypeAlias = Any
"""A value of the wanted type, or `GAP`."""
Read: TypeAlias = Callable[[Json, str, Faults], Found]


class _Gap:
    """What stands where something could not be read."""


GAP: Final = _Gap()
_JSON_TYPES: Final[Mapping[type[inspect.Type], tuple[type, ...]]] = {
    inspect.StrType: (str,),
    inspect.BoolType: (bool,),
    inspect.IntType: (int, float),
    inspect.FloatType: (int, float),
    inspect.VarTupleType: (list,),
    inspect.DictType: (dict,),
    inspect.StructType: (dict,),
}


def read(value: Json, wanted: type[T], faults: Faults, place: str = "") -> T | None:
    """Return `value` as a struct, or None when it cannot be read; the faults are noted."""
    found = _reader(wanted)(value, place, faults)
    return None if found is GAP else found


async def read_body(request: Request, kind: type[T]) -> tuple[bytes, T]:
    """Return the body as it was sent and as a struct; nothing sent counts as `{}`.

    Raises `DefinitionInvalid` with all its faults, 415 when it is not JSON.
    """
    raw = await request.body()
    if raw.strip():
        raw = await bodies.read_json(request)
    faults = Faults()
    found = read(bodies.value(raw.strip() or b"{}"), kind, faults)
    faults.check()
    if found is None:
        raise DefinitionInvalid(["the body cannot be read"])
    return raw, found


def read_list(value: Json, wanted: object, faults: Faults, place: str) -> dict[int, Any]:
    """Return the items of a list that could be read, by their index."""
    if not isinstance(value, list):
        faults.add(place, _wanted("a list", value))
        return {}
    one = _reader(wanted)
    items = cast("list[Json]", value)
    found = {index: one(each, item(place, index), faults) for index, each in enumerate(items)}
    return {index: each for index, each in found.items() if each is not GAP}


@cache
def _reader(wanted: object) -> Read:
    return _of(inspect.type_info(wanted))


def _of(type_: inspect.Type, fault: str = "") -> Read:
    if isinstance(type_, inspect.Metadata):
        told = cast("dict[str, str]", type_.extra or {})  # pyright: ignore[reportUnknownMemberType]
        return _of(type_.type, told.get("fault", fault))
    if isinstance(type_, inspect.StrType):
        return _text(type_, fault)
    return _BUILDERS[type(type_)](type_)


def _wanted(what: str, value: Json) -> str:
    return f"{what} is wanted, not {kind(value)}"


def _text(type_: inspect.StrType, fault: str) -> Read:
    # In JSON Schema `$` is the very end; in Python it is also before a last line feed.
    pattern = re.compile(re.sub(r"\$\Z", r"\\Z", type_.pattern or ""), re.DOTALL)
    longest = type_.max_length

    def read_text(value: Json, place: str, faults: Faults) -> Found:
        if not isinstance(value, str):
            faults.add(place, _wanted("a text", value))
        elif longest is not None and len(value) > longest:
            faults.add(place, f"is longer than {longest} characters")
        elif pattern.search(value) is None:
            faults.add(place, fault or f"does not match {type_.pattern}")
        else:
            return value
        return GAP

    return read_text


def _number(type_: inspect.IntType | inspect.FloatType) -> Read:
    whole = isinstance(type_, inspect.IntType)
    what = "a whole number" if whole else "a number"

    def read_number(value: Json, place: str, faults: Faults) -> Found:
        if isinstance(value, bool) or not isinstance(value, int | float):
            faults.add(place, _wanted(what, value))
        elif whole and isinstance(value, float) and not value.is_integer():
            faults.add(place, f"{what} is wanted")
        elif limit := _limit(type_, value):
            faults.add(place, f"must be {limit}")
        else:
            return int(value) if whole else float(value)
        return GAP

    return read_number


def _limit(type_: inspect.IntType | inspect.FloatType, value: float) -> str:
    """Return the bound that a number breaks."""
    if type_.ge is not None and value < type_.ge:
        return f"{type_.ge} or more"
    if type_.gt is not None and value <= type_.gt:
        return f"more than {type_.gt}"
    if type_.le is not None and value > type_.le:
        return f"{type_.le} or less"
    return ""


def _boolean(value: Json, place: str, faults: Faults) -> Found:
    if isinstance(value, bool):
        return value
    faults.add(place, _wanted("true or false", value))
    return GAP


def _literal(type_: inspect.LiteralType) -> Read:
    choices = [str(value) for value in type_.values]
    what = f"one of {', '.join(choices)}"

    def read_literal(value: Json, place: str, faults: Faults) -> Found:
        if isinstance(value, str):
            if value in choices:
                return value
            near = faults.hint(value, choices) or faults.hint(value.upper(), choices)
            faults.add(place, f'"{shown(value)}" is not {what}{near}')
        else:
            faults.add(place, _wanted(what, value))
        return GAP

    return read_literal


def _tuple(type_: inspect.VarTupleType) -> Read:
    one = _of(type_.item_type)
    least, most = type_.min_length or 0, type_.max_length

    def read_tuple(value: Json, place: str, faults: Faults) -> Found:
        if not isinstance(value, list):
            faults.add(place, _wanted("a list", value))
            return GAP
        items = cast("list[Json]", value)
        if len(items) < least:
            faults.add(place, "must not be empty" if least == 1 else f"needs at least {least}")
        if most is not None and len(items) > most:
            faults.add(place, f"has more than {most} items")
            return GAP
        found = [one(each, item(place, index), faults) for index, each in enumerate(items)]
        return tuple(each for each in found if each is not GAP)

    return read_tuple


def _mapping(type_: inspect.DictType) -> Read:
    one = _of(type_.value_type)

    def read_mapping(value: Json, place: str, faults: Faults) -> Found:
        if not isinstance(value, dict):
            faults.add(place, _wanted("an object", value))
            return GAP
        members = cast("dict[str, Json]", value).items()
        found = {key: one(each, below(place, key), faults) for key, each in members}
        return {key: each for key, each in found.items() if each is not GAP}

    return read_mapping


def _struct(type_: inspect.StructType) -> Read:
    fields = {field.encode_name: (field, _of(_present(field.type))) for field in type_.fields}
    known = [*fields, *([type_.tag_field] if type_.tag_field else [])]

    def read_struct(value: Json, place: str, faults: Faults) -> Found:
        if not isinstance(value, dict):
            faults.add(place, _wanted("an object", value))
            return GAP
        members = cast("dict[str, Json]", value)
        for name in members:
            if name not in known:
                faults.add(below(place, name), f"is not known here{faults.hint(name, known)}")
        values: dict[str, Any] = {}
        complete = True
        for name, (field, one) in fields.items():
            given = members.get(name)
            if given is not None:
                values[field.name] = found = one(given, below(place, name), faults)
                complete = complete and found is not GAP
            elif field.required:
                faults.add(below(place, name), "is missing")
                complete = False
        return type_.cls(**values) if complete else GAP

    return read_struct


def _present(type_: inspect.Type) -> inspect.Type:
    """Return an optional type without its null, which counts as absent before it is read."""
    if not isinstance(type_, inspect.UnionType):
        return type_
    left = tuple(one for one in type_.types if not isinstance(one, inspect.NoneType))
    return left[0] if len(left) == 1 else inspect.UnionType(left)


def _union(type_: inspect.UnionType) -> Read:
    structs = [one for one in type_.types if isinstance(one, inspect.StructType)]
    if structs and all(one.tag_field for one in structs):
        return _tagged(structs)
    choices = [(_JSON_TYPES[type(_bare(one))], _of(one)) for one in type_.types]

    def read_union(value: Json, place: str, faults: Faults) -> Found:
        for accepted, one in choices:
            if isinstance(value, accepted) and (accepted == (bool,)) == isinstance(value, bool):
                return one(value, place, faults)
        faults.add(place, f"cannot be {kind(cast('Json', value))}")
        return GAP

    return read_union


def _bare(type_: inspect.Type) -> inspect.Type:
    return _bare(type_.type) if isinstance(type_, inspect.Metadata) else type_


def _tagged(structs: Sequence[inspect.StructType]) -> Read:
    field = structs[0].tag_field or ""
    forms = {str(one.tag): _struct(one) for one in structs}
    what = f"one of {', '.join(forms)}"

    def read_tagged(value: Json, place: str, faults: Faults) -> Found:
        if not isinstance(value, dict):
            faults.add(place, _wanted("an object", value))
            return GAP
        tag = cast("dict[str, Json]", value).get(field)
        if isinstance(tag, str) and tag in forms:
            return forms[tag](cast("Json", value), place, faults)
        if tag is None:
            faults.add(below(place, field), f"is missing: {what}")
        elif isinstance(tag, str):
            faults.add(
                below(place, field), f'"{shown(tag)}" is not {what}{faults.hint(tag, forms)}'
            )
        else:
            faults.add(below(place, field), _wanted(what, tag))
        return GAP

    return read_tagged


def _anything(_type: inspect.AnyType) -> Read:
    return lambda value, _place, _faults: value


_BUILDERS: Final[Mapping[type[inspect.Type], Callable[[Any], Read]]] = {
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.BoolType: lambda _: _boolean,
    inspect.LiteralType: _literal,
    inspect.VarTupleType: _tuple,
    inspect.DictType: _mapping,
    inspect.StructType: _struct,
    inspect.UnionType: _union,
    inspect.AnyType: _anything,
}
