"""One rendering of a Jinja template: what it may read, what it wrote, what it may still do.

A loop pays for its body before each round, and whatever makes or reads a long text, a list or an
object pays by its length before it is made, so that no template runs long and none grows large.
A missing name is a value of its own, `Absent`, which only `default` and `is defined` may hold:
everything else that meets it fails with its words.
"""

from collections.abc import Callable
from math import isfinite
from typing import Final, TypeAlias

from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.render import encodable
from mainspring.domain.expression.shape import Room
from mainspring.domain.expression.values import MAX_OUTPUT, Value, as_json, kind

MAX_VALUE_DEPTH: Final = 200
MAX_INTEGER: Final = 1 << 64  # what JSON readers still take for a whole number
Scope: TypeAlias = dict[str, Value]


class Absent:
    """What stands where there is nothing; `why` says what is missing."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


Soft: TypeAlias = Callable[["Run", Scope], Value | Absent]
Eval: TypeAlias = Callable[["Run", Scope], Value]
Exec: TypeAlias = Callable[["Run", Scope], None]
Act: TypeAlias = Callable[..., Value | Absent]
"""What a name in a template calls: the run first, the value, then what stands in brackets."""


class Run:
    """The roots that names lead to, the text so far, and the steps left."""

    __slots__ = ("_parts", "_room", "left", "roots")

    def __init__(self, roots: dict[str, Value], room: Room) -> None:
        self.roots = roots
        self.left = room.steps
        self._room = room
        self._parts: list[str] = []

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise ExpressionTooLarge("the template takes too many steps")

    def read(self, length: int, shift: int = 6) -> None:
        """Pay for a walk through `length` characters; a smaller `shift` is for a slower one."""
        self.spend(1 + (length >> shift))

    def make(self, length: int) -> None:
        """Pay for a text of `length` characters that is about to be made; refuse a huge one."""
        if length > MAX_OUTPUT:
            raise ExpressionTooLarge("a text is too large")
        self.spend(1 + (length >> 6))

    def write(self, text: str) -> None:
        self._room.take(len(text))
        self._parts.append(text)

    def text(self) -> str:
        return encodable("".join(self._parts))

    def answer(self, value: Value) -> Value:
        """Return `value`, which goes out as it is; raise `ExpressionError` for what cannot."""
        if self._room.is_inner:
            return value
        if isinstance(value, dict | list):
            self.weigh(value)
        self._room.take(len(as_json(value)))
        return value

    def close(self) -> None:
        self._room.steps = self.left

    def weigh(self, value: Value) -> int:
        """Pay for a walk through all of `value`, and return about how long its JSON is.

        One list may stand in it a thousand times: it is paid for each time, as it is printed.
        """
        size, depth = 0, 0
        level: list[Value] = [value]
        while level:
            depth += 1
            if depth > MAX_VALUE_DEPTH:
                raise ExpressionTooLarge("a value is nested too deeply")
            below: list[Value] = []
            for item in level:
                if isinstance(item, str):
                    size += len(item) + 2
                elif isinstance(item, dict | list):
                    self.spend(1 + (len(item) >> 2))
                    size += 2 + len(item)
                    if isinstance(item, dict):
                        size += sum(map(len, item)) + 3 * len(item)
                        below += item.values()
                    else:
                        below += item
                else:
                    size += 4
            if size > MAX_OUTPUT:
                raise ExpressionTooLarge("a value is too large")
            level = below
        self.spend(1 + (size >> 6))
        return size

    def shown(self, value: Value) -> str:
        """Return `value` as it stands in a text: a text as it is, all else as JSON."""
        if isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            self.weigh(value)
        return as_json(value).decode()


def whole(value: int) -> int:
    """Return a computed whole number; raise `ExpressionFailed` when it is out of range."""
    if not -MAX_INTEGER < value < MAX_INTEGER:
        raise ExpressionFailed("a whole number is out of range")
    return value


def finite(value: float) -> float:
    """Return a computed number; raise `ExpressionFailed` when it is not finite."""
    if not isfinite(value):
        raise ExpressionFailed("a number is out of range")
    return value


def number(value: Value, who: str) -> int | float:
    """Return `value`, which is a number; raise `ExpressionFailed` in the name of `who`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ExpressionFailed(f"{who}: {kind(value)} is not a number")


def text(value: Value, who: str) -> str:
    """Return `value`, which is a text; raise `ExpressionFailed` in the name of `who`."""
    if isinstance(value, str):
        return value
    raise ExpressionFailed(f"{who}: {kind(value)} is not a text")


def items(value: Value, run: Run, who: str) -> list[Value]:
    """Return what a loop over `value` goes through: items, keys or characters."""
    if isinstance(value, list):
        run.spend(1)
        return value
    if isinstance(value, dict | str):
        run.spend(1 + len(value))
        return list(value)
    raise ExpressionFailed(f"{who}: {kind(value)} is no list to go through")


def bounded(value: Value, who: str, most: int = 1_000_000) -> int:
    """Return `value`, a whole number between -most and most; raise `ExpressionFailed`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExpressionFailed(f"{who}: {kind(value)} is not a whole number")
    if abs(value) > most:
        raise ExpressionTooLarge(f"{who}: a number is larger than {most}")
    return value
