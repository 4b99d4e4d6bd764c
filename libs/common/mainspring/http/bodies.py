"""Bodies of requests: their type, their JSON, and where it is broken."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast

import msgspec
from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, shown
from mainspring.http.problems import require_json

T = TypeVar("T")
DEEPEST: Final = 128
"""How deep JSON may be nested: deeper than people write, and far from any encoder's limit."""

_BYTE: Final = re.compile(r" \(byte (\d+)\)$")
_unread = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_values = msgspec.json.Decoder().decode


async def read_json(request: Request) -> bytes:
    """Return the body of a request that must be JSON; raise 415 or 413."""
    require_json(request)
    return await request.body()


def members(body: bytes, *known: str) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object, unread; raise `DefinitionInvalid`."""
    try:
        found = _unread(body)
    except msgspec.ValidationError:
        raise DefinitionInvalid([f"the body must be an object of {', '.join(known)}"]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _fault(body, error) from None
    return found


def only(found: Iterable[str], *known: str) -> None:
    """Raise `DefinitionInvalid` for members that nobody reads."""
    faults = Faults()
    for name in found:
        if name not in known:
            faults.add(shown(name), f"is not known here{faults.hint(name, known)}")
    faults.check()


def together(*readings: Callable[[], T]) -> list[T]:
    """Return what all readings give; raise `DefinitionInvalid` with the faults of all of them."""
    found: list[T] = []
    faults: list[str] = []
    for reading in readings:
        try:
            found.append(reading())
        except DefinitionInvalid as refused:
            faults.extend(refused.faults)
    if faults:
        raise DefinitionInvalid(faults)
    return found


def value(raw: bytes | msgspec.Raw) -> Json:
    """Return a JSON text as plain values; raise `DefinitionInvalid`."""
    text = bytes(raw)
    try:
        found = _values(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _fault(text, error) from None
    # Most bodies have fewer brackets than that, whatever they enclose.
    if text.count(b"[") + text.count(b"{") > DEEPEST and _depth(found) > DEEPEST:
        raise DefinitionInvalid([f"the body is nested more than {DEEPEST} deep"])
    return found


def _depth(found: Json) -> int:
    """Return how many levels of objects and lists there are, at most one more than allowed."""
    level: list[Any] = [found]
    for depth in range(DEEPEST + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in cast("list[Any]", list(each.values()) if isinstance(each, dict) else each)
        ]
        if not level:
            return depth
    return DEEPEST + 1


def _fault(text: bytes, error: Exception) -> DefinitionInvalid:
    match error:
        case RecursionError():
            said = f"the body is nested more than {DEEPEST} deep"
        case UnicodeDecodeError():
            said = f"the body is not UTF-8: {_place(text, _first_wrong(text))}"
        case msgspec.ValidationError():
            said = "the body has a number that is out of range"
        case _:
            said = f"the body is not JSON: {_broken(text, str(error))}"
    return DefinitionInvalid([said])


def _first_wrong(text: bytes) -> int:
    # The decoder's own offset counts from the start of the string that it is in.
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _broken(text: bytes, said: str) -> str:
    found = _BYTE.search(said)
    if found is None:
        return f"{_place(text, len(text))}: it ends too early"
    what = said[: found.start()].removeprefix("JSON is malformed: ")
    return f"{_place(text, int(found[1]))}: {what}"


def _place(text: bytes, at: int) -> str:
    line = text.count(b"\n", 0, at) + 1
    start = text.rfind(b"\n", 0, at) + 1
    return f"line {line}, column {len(text[start:at].decode(errors='replace')) + 1}"
