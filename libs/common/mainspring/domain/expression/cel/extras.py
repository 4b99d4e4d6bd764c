"""Functions beyond the specification, which the runs dialect grew up with.

Each may stand as `f(x, y)` or as `x.f(y)`.  Like all of CEL here they read no clock and no chance,
and pay for what they read and make.
"""

import re
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Final, TypeAlias, cast

import msgspec

from mainspring.domain.expression.cel.answer import plain
from mainspring.domain.expression.cel.instants import (
    Instant,
    Span,
    instant,
    print_instant,
    print_span,
)
from mainspring.domain.expression.cel.kinds import Spend, Val, word
from mainspring.domain.expression.dates import format_go, read_instant
from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.values import MAX_OUTPUT, as_json

MAX_PARTS: Final = 10_000
MAX_ITEMS: Final = 100_000
MAX_JSON: Final = 1 << 20
_INTEGER: Final = re.compile(r"\s*[+-]?\d{1,19}\s*", re.ASCII)
_DOUBLE: Final = re.compile(
    r"\s*[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?\s*", re.ASCII
)
_RFC3339: Final = "2006-01-02T15:04:05Z07:00"
Act: TypeAlias = Callable[[Sequence[Val], Spend], Val]


def digits(value: float) -> str:
    """Return a fractional number as `string` prints it: 2.0 is "2"."""
    if isfinite(value) and value.is_integer() and abs(value) < 1e21:
        return f"{value:.0f}"
    return repr(value)


def to_string(values: Sequence[Val], _spend: Spend) -> Val:
    """Return what `string` makes of a scalar; raise `ExpressionFailed` for what is none."""
    match values[0]:
        case str() as value:
            return value
        case bool() as value:
            return "true" if value else "false"
        case int() as value:
            if value.bit_length() > 4096:
                raise ExpressionFailed("string: a number is out of range")
            return str(value)
        case float() as value:
            return digits(value)
        case Instant() as value:
            return print_instant(value)
        case Span() as value:
            return print_span(value)
        case value:
            raise ExpressionFailed(f"string: {word(value)} cannot be read as one")


def _text(name: str, value: Val) -> str:
    if isinstance(value, str):
        return value
    raise ExpressionFailed(f"{name}: {word(value)} is not a text")


def _list(name: str, value: Val) -> list[Val]:
    if isinstance(value, list):
        return value
    raise ExpressionFailed(f"{name}: {word(value)} is not a list")


def _on_text(name: str, act: Callable[[str], str]) -> Act:
    def run(values: Sequence[Val], spend: Spend) -> Val:
        taken = _text(name, values[0])
        spend(len(taken) >> 4)
        return act(taken)

    return run


def _replace(values: Sequence[Val], spend: Spend) -> Val:
    taken, old, new = (_text("replace", value) for value in values)
    spend(len(taken) >> 4)
    # Counted before it is made: a text of a million empty places grows without bound.
    times = taken.count(old)
    length = len(taken) + times * max(len(new) - len(old), 0)
    if length > MAX_OUTPUT:
        raise ExpressionTooLarge("replace: the result is too large")
    spend((length >> 4) + times)
    return taken.replace(old, new)


def _split(values: Sequence[Val], spend: Spend) -> Val:
    taken, mark = (_text("split", value) for value in values)
    spend(len(taken) >> 4)
    parts = taken.count(mark) + 1 if mark else len(taken)
    if parts > MAX_PARTS:
        raise ExpressionTooLarge(f"split: there are more than {MAX_PARTS} parts")
    spend(parts)
    return [*(taken.split(mark) if mark else taken)]


def _join(values: Sequence[Val], spend: Spend) -> Val:
    parts = [_text("join", part) for part in _list("join", values[0])]
    mark = _text("join", values[1]) if len(values) > 1 else ""
    length = sum(map(len, parts)) + len(mark) * len(parts)
    if length > MAX_OUTPUT:
        raise ExpressionTooLarge("join: the result is too large")
    spend(len(parts) + (length >> 4))
    return mark.join(parts)


def _parse_int(values: Sequence[Val], _: Spend) -> Val:
    match values[0]:
        case int() as value if not isinstance(value, bool):
            return value
        case float() as value if value.is_integer() and abs(value) < 2.0**63:
            return int(value)
        case str() as value if _INTEGER.fullmatch(value) and -(1 << 63) <= int(value) < 1 << 63:
            return int(value)
        case value:
            raise ExpressionFailed(f"parseInt: {word(value)} cannot be read as a whole number")


def _parse_float(values: Sequence[Val], _: Spend) -> Val:
    match values[0]:
        case int() | float() as value if not isinstance(value, bool) and abs(value) < 1e308:
            return float(value)
        case str() as value if _DOUBLE.fullmatch(value) and isfinite(float(value)):
            return float(value)
        case value:
            raise ExpressionFailed(f"parseFloat: {word(value)} cannot be read as a number")


def _flatten(values: Sequence[Val], spend: Spend) -> Val:
    depth = values[1] if len(values) > 1 else 1
    if not isinstance(depth, int) or isinstance(depth, bool) or not 0 <= depth <= 64:
        raise ExpressionFailed("flatten: the depth is a whole number from 0 to 64")
    flat: list[Val] = []
    _flatten_into(_list("flatten", values[0]), depth, flat, spend)
    return flat


def _flatten_into(items: list[Val], depth: int, flat: list[Val], spend: Spend) -> None:
    spend(len(items))
    for item in items:
        if isinstance(item, list) and depth > 0:
            _flatten_into(item, depth - 1, flat, spend)
        elif len(flat) == MAX_ITEMS:
            raise ExpressionTooLarge(f"flatten: there are more than {MAX_ITEMS} items")
        else:
            flat.append(item)


def _obj(values: Sequence[Val], spend: Spend) -> Val:
    if len(values) % 2:
        raise ExpressionFailed("obj: a key has no value")
    spend(len(values))
    keys = [_text("obj", key) for key in values[::2]]
    if len(set(keys)) < len(keys):
        raise ExpressionFailed("obj: an object has one key twice")
    return dict(zip(keys, values[1::2], strict=True))


def _encode(values: Sequence[Val], spend: Spend) -> Val:
    encoded = as_json(plain(values[0], spend))
    spend(len(encoded) >> 4)
    return encoded.decode()


def _to_text(values: Sequence[Val], spend: Spend) -> Val:
    if values[0] is None or isinstance(values[0], list | dict):
        return _encode(values, spend)
    return to_string(values, spend)


def _decode(values: Sequence[Val], spend: Spend) -> Val:
    taken = _text("jsonDecode", values[0])
    if len(taken) > MAX_JSON:
        raise ExpressionTooLarge("jsonDecode: the text is larger than 1 MiB")
    spend(len(taken) >> 5)
    try:
        return cast("Val", msgspec.json.decode(taken))
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise ExpressionFailed("jsonDecode: the text is not JSON") from None


def _instant(name: str, value: Val, spend: Spend) -> Instant:
    spend(10)
    match value:
        case Instant():
            return value
        case str():
            return read_instant(value)
        case int() if not isinstance(value, bool):
            return instant(value * 10**9)
        case _:
            raise ExpressionFailed(f"{name}: {word(value)} is no instant")


def _parse_timestamp(values: Sequence[Val], spend: Spend) -> Val:
    return _instant("parseTimestamp", values[0], spend)


def _format_timestamp(values: Sequence[Val], spend: Spend) -> Val:
    moment = _instant("formatTimestamp", values[0], spend)
    layout = _text("formatTimestamp", values[1] if len(values) > 1 else _RFC3339)
    zone = _text("formatTimestamp", values[2] if len(values) > 2 else "UTC")
    spend(len(layout))
    return format_go(moment, layout, zone)


EXTRAS: Final[dict[str, tuple[int, int, Act]]] = {
    "toLower": (1, 1, _on_text("toLower", str.lower)),
    "toUpper": (1, 1, _on_text("toUpper", str.upper)),
    "trim": (1, 1, _on_text("trim", str.strip)),
    "replace": (3, 3, _replace),
    "split": (2, 2, _split),
    "join": (1, 2, _join),
    "parseInt": (1, 1, _parse_int),
    "parseFloat": (1, 1, _parse_float),
    "toString": (1, 1, _to_text),
    "flatten": (1, 2, _flatten),
    "obj": (2, 10, _obj),
    "jsonEncode": (1, 1, _encode),
    "jsonDecode": (1, 1, _decode),
    "parseTimestamp": (1, 1, _parse_timestamp),
    "formatTimestamp": (1, 3, _format_timestamp),
}
EXTRA_METHODS: Final = {
    name: (low - 1, high - 1, act) for name, (low, high, act) in EXTRAS.items() if name != "obj"
}
