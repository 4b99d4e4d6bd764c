"""Filters for numbers, encodings, hashes and JSON."""

import re
from base64 import b64decode, b64encode, urlsafe_b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from hashlib import new as new_hash
from math import ceil, floor, isfinite
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.jinja.lists import entries
from mainspring.domain.expression.jinja.run import Run, bounded, finite, number, text, whole
from mainspring.domain.expression.jinja.yamltext import as_yaml
from mainspring.domain.expression.values import Value, as_json, kind

__all__ = ["SCALARS", "is_number", "is_whole"]

MAX_JSON: Final = 1 << 20
_NUMBER: Final = re.compile(r"\s*[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?\s*")
_INTEGER: Final = re.compile(r"\s*[+-]?\d{1,20}\s*", re.ASCII)
_SIZES: Final = ("Bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def to_int(_run: Run, value: Value, default: Value = None) -> Value:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return whole(int(value))
    try:
        return whole(int(_read(value, "int")))
    except ExpressionFailed:
        if default is None:
            raise
        return default


def to_float(_run: Run, value: Value, default: Value = None) -> Value:
    try:
        return _float(_read(value, "float"))
    except ExpressionFailed:
        if default is None:
            raise
        return default


def to_number(_run: Run, value: Value) -> Value:
    if isinstance(value, str):
        if _INTEGER.fullmatch(value):
            return whole(int(value))
        return _float(_read(value, "number"))
    return number(value, "number")


def _read(value: Value, who: str) -> int | float:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return finite(float(value))
    raise ExpressionFailed(f"{who}: {kind(value)} cannot be read as a number")


def _float(value: float) -> float:
    try:
        return finite(float(value))
    except OverflowError:
        raise ExpressionFailed("a number is out of range") from None


def absolute(_run: Run, value: Value) -> Value:
    return abs(number(value, "abs"))


def rounded(_run: Run, value: Value, precision: Value = 0, method: Value = "common") -> Value:
    taken, places = number(value, "round"), bounded(precision, "round", 15)
    if method == "common":
        return round(whole(taken) if isinstance(taken, int) else taken, places)
    if method not in ("ceil", "floor"):
        raise ExpressionFailed('round: the method is "common", "ceil" or "floor"')
    scale = 10.0**places
    act = ceil if method == "ceil" else floor
    return finite(act(finite(_float(taken) * scale)) / scale)


def filesize(_run: Run, value: Value, binary: Value = False) -> Value:
    size, base = _float(number(value, "filesizeformat")), 1024 if binary else 1000
    if size == 1:
        return "1 Byte"
    place = 0
    while abs(size) >= base and place < len(_SIZES) - 1:
        size, place = size / base, place + 1
    unit = (
        _SIZES[place].replace("kB", "KB").replace("B", "iB") if binary and place else _SIZES[place]
    )
    return f"{size:.0f} {unit}" if place == 0 else f"{size:.1f} {unit}"


def to_json(run: Run, value: Value, indent: Value = None) -> Value:
    run.weigh(value)
    encoded = as_json(value)
    if indent is not None:
        width = bounded(indent, "toJson", 16)
        run.make(len(encoded) * (2 + width))
        encoded = msgspec.json.format(encoded, indent=max(width, 0))
    run.make(len(encoded))
    return encoded.decode()


def from_json(run: Run, value: Value) -> Value:
    taken = text(value, "fromJson")
    if len(taken) > MAX_JSON:
        raise ExpressionTooLarge("fromJson: the text is larger than 1 MiB")
    run.spend(1 + (len(taken) >> 4))
    try:
        return msgspec.json.decode(taken)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise ExpressionFailed("fromJson: the text is not JSON") from None
    except RecursionError:
        raise ExpressionTooLarge("fromJson: the text is nested too deeply") from None


def to_yaml(run: Run, value: Value) -> Value:
    run.read(run.weigh(value), 3)
    return as_yaml(value)


def _hashed(name: str) -> Callable[[Run, Value], Value]:
    def run_it(run: Run, value: Value) -> Value:
        taken = _bytes(run, value)
        return new_hash(name, taken, usedforsecurity=False).hexdigest()

    return run_it


def _bytes(run: Run, value: Value) -> bytes:
    taken = run.shown(value)
    run.read(len(taken), 5)
    try:
        return taken.encode()
    except UnicodeEncodeError:
        raise ExpressionFailed("a text holds half of a surrogate pair") from None


def to_base64(run: Run, value: Value) -> Value:
    return b64encode(_bytes(run, value)).decode()


def from_base64(run: Run, value: Value) -> Value:
    taken = "".join(text(value, "b64decode").split())
    run.read(len(taken), 4)
    padded = taken + "=" * (-len(taken) % 4)
    try:
        if "-" in padded or "_" in padded:
            return urlsafe_b64decode(padded.encode("ascii")).decode()
        return b64decode(padded.encode("ascii"), validate=True).decode()
    except (NotBase64, ValueError):
        raise ExpressionFailed("b64decode: the text is not base64 of a text") from None


def urlencode(run: Run, value: Value) -> Value:
    if isinstance(value, dict):
        run.spend(len(value))
        return "&".join(_field(run, name, item) for name, item in value.items())
    if isinstance(value, list):
        return "&".join(_field(run, *_pair(item)) for item in value)
    return _quoted(run, value, "/")


def _field(run: Run, name: Value, value: Value) -> str:
    # In a form a blank is a plus, as browsers send it.
    return f"{_quoted(run, name, '')}={_quoted(run, value, '')}".replace("%20", "+")


def _pair(item: Value) -> tuple[Value, Value]:
    if isinstance(item, list) and len(item) == 2:
        return item[0], item[1]
    raise ExpressionFailed("urlencode: an item is no pair of a name and a value")


def _quoted(run: Run, value: Value, safe: str) -> str:
    shown = run.shown(value)
    run.read(len(shown), 3)
    quoted = quote(shown, safe=safe, errors="replace")
    run.make(len(quoted))
    return quoted


def urldecode(run: Run, value: Value) -> Value:
    taken = text(value, "urldecode")
    run.read(len(taken), 3)
    return unquote(taken.replace("+", " "))


def merged(run: Run, value: Value, other: Value) -> Value:
    one, two = entries(value, "merge"), entries(other, "merge")
    run.spend(len(one) + len(two))
    return one | two


def is_whole(value: Value) -> bool:
    """Return whether `value` is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Value) -> bool:
    """Return whether `value` is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


SCALARS: Final[dict[str, Callable[..., Value]]] = {
    "int": to_int,
    "float": to_float,
    "number": to_number,
    "abs": absolute,
    "round": rounded,
    "filesizeformat": filesize,
    "tojson": to_json,
    "toJson": to_json,
    "json": to_json,
    "fromjson": from_json,
    "fromJson": from_json,
    "yaml": to_yaml,
    **{name: _hashed(name) for name in ("md5", "sha1", "sha256", "sha512")},
    "b64encode": to_base64,
    "b64decode": from_base64,
    "urlencode": urlencode,
    "urldecode": urldecode,
    "merge": merged,
}
