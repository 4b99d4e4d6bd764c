"""Rendering a tree of tags over plain JSON values, within bounds.

A name is looked for in the section's item, then outwards to the root; the first part of a
dotted name decides where, and the rest must be found there.  False, null, nothing, the
empty text and the empty list are empty; zero and the empty object are not.  What has been
rendered is never rendered again, so braces in the data stay braces.
"""

from collections.abc import Callable
from typing import Final

from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.tags import Nodes, Section, Variable
from mainspring.domain.expression.values import (
    MISSING,
    Missing,
    Path,
    Value,
    as_json,
    child,
    follow,
    printed,
)

MAX_PARTS: Final = 200_000
"""How many texts and tags the rounds of all sections of a text, or of a value that holds many,
may write: each round pays for its body."""

Escaper = Callable[[str], str]


class Sink:
    """The output so far, and what may still be added to it."""

    __slots__ = ("_parts", "_room", "rounds")

    def __init__(self, max_output: int, rounds: int = MAX_PARTS) -> None:
        self._parts: list[str] = []
        self._room = max_output
        self.rounds = rounds

    def write(self, text: str) -> None:
        self._room -= len(text)
        if self._room < 0:
            raise ExpressionTooLarge("the output is too large")
        self._parts.append(text)

    def spend(self, parts: int) -> None:
        self.rounds -= parts
        if self.rounds < 0:
            raise ExpressionTooLarge("the sections repeat too often")

    def text(self) -> str:
        return encodable("".join(self._parts))


def encodable(text: str) -> str:
    """Return `text`, which UTF-8 can encode; raise `ExpressionFailed` for half of a pair."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ExpressionFailed("a text holds half of a surrogate pair") from None
    return text


def is_empty(value: Value | Missing) -> bool:
    """Return whether a section over `value` is left out."""
    return value is None or value is False or value is MISSING or value in ("", [])


def find(path: Path, frames: list[Value]) -> Value | Missing:
    """Return what `path` names, seen from the innermost of `frames`."""
    if not path:
        return frames[-1]
    for frame in reversed(frames):
        found = child(frame, path[0])
        if found is not MISSING:
            return follow(found, path[1:])
    return MISSING


def shown(node: Variable, value: Value | Missing, escape: Escaper | None) -> str:
    """Return what `node` prints for `value`."""
    if node.is_json:
        return as_json(None if isinstance(value, Missing) else value).decode()
    text = value if isinstance(value, str) else printed(value)
    return text if escape is None or node.is_raw else escape(text)


def write(nodes: Nodes, frames: list[Value], escape: Escaper | None, sink: Sink) -> None:
    """Write `nodes` to `sink`; raise `ExpressionTooLarge` as soon as a bound is reached."""
    for node in nodes:
        if isinstance(node, str):
            sink.write(node)
            continue
        value = find(node.path, frames)
        if isinstance(node, Section):
            _write_section(node, value, frames, escape, sink)
            continue
        sink.write(shown(node, value, escape))


def _write_section(
    section: Section,
    value: Value | Missing,
    frames: list[Value],
    escape: Escaper | None,
    sink: Sink,
) -> None:
    cost = len(section.body) + 1
    if section.is_inverted or is_empty(value) or isinstance(value, Missing):
        sink.spend(cost)
        if section.is_inverted and is_empty(value):
            write(section.body, frames, escape, sink)
        return
    for item in value if isinstance(value, list) else (value,):
        sink.spend(cost)
        frames.append(item)
        write(section.body, frames, escape, sink)
        frames.pop()
