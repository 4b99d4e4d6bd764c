"""YAML as plain values, built from the parser's events, so that every bound holds while reading.

A composer that builds first and counts later would already hold what an alias bomb makes: here each
alias costs what it stands for.  Names are texts, and one that comes twice is a fault.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, Final, cast

import yaml
from yaml import events

from mainspring.domain.message import Json
from mainspring_plugins.support.failures import refuse, too_large
from mainspring_plugins.support.shapes import is_list, is_object

MOST_DEPTH: Final = 100
MOST_NODES: Final = 200_000
WORDS: Final[dict[str, Json]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
DECIMAL: Final = re.compile(r"[-+]?[0-9]+")
OTHER_BASE: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
STR: Final = "tag:yaml.org,2002:str"
PLAIN_TAGS: Final = {None, "!", STR, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
MERGE: Final = "<<"
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> list[Json]:
    """Return the documents of a text; raise `PluginFailed` with line and column."""
    try:
        return list(_Reader(cast("Any", yaml).parse(text, Loader=LOADER)).documents())
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise refuse(f"data: {where}{error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise refuse(f"data: {str(error).splitlines()[0]}") from None


class _Reader:
    """One text: its events, its anchors, and what was built so far."""

    def __init__(self, parsed: Iterator[Any]) -> None:
        self._events = parsed
        self._nodes = 0
        self._deepest = 0
        self._anchors: dict[str, tuple[Json, int, int]] = {}
        """What each stands for, how many nodes that is, and how many levels."""

    def documents(self) -> Iterator[Json]:
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                self._anchors = {}
                yield self._value(next(self._events), 0)

    def _value(self, event: Any, depth: int) -> Json:  # noqa: ANN401 - the package's events
        """Return the value that begins with an event."""
        if isinstance(event, events.AliasEvent):
            return self._alias(event, depth)
        self._count(1)
        before, outside = self._nodes, self._deepest
        self._deepest = 0
        self._reach(depth, event)
        value = self._built(event, depth)
        if event.anchor is not None:
            height = self._deepest - depth
            self._anchors[event.anchor] = (value, self._nodes - before + 1, height)
        self._deepest = max(self._deepest, outside)
        return value

    def _reach(self, depth: int, event: Any) -> None:  # noqa: ANN401
        if depth > MOST_DEPTH:
            raise refuse(f"{_at(event)}: more than {MOST_DEPTH} levels deep")
        self._deepest = max(self._deepest, depth)

    def _built(self, event: Any, depth: int) -> Json:  # noqa: ANN401
        if isinstance(event, events.ScalarEvent):
            return _scalar(event)
        if event.tag not in PLAIN_TAGS:
            raise refuse(f"{_at(event)}: the tag {event.tag} is not allowed")
        if isinstance(event, events.SequenceStartEvent):
            return self._list(depth)
        return self._object(depth)

    def _alias(self, event: Any, depth: int) -> Json:  # noqa: ANN401
        """Return what an anchor stands for; one that is still open is not known yet."""
        found = self._anchors.get(event.anchor)
        if found is None:
            raise refuse(f"{_at(event)}: there is no anchor {event.anchor!r} before this")
        self._count(found[1])
        self._reach(depth + found[2], event)
        return found[0]

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            raise too_large(f"data: more than {MOST_NODES} values, aliases written out")

    def _list(self, depth: int) -> list[Json]:
        found: list[Json] = []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            found.append(self._value(event, depth + 1))
        return found

    def _object(self, depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        merged: dict[str, Json] = {}
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            name = self._name(event)
            value = self._value(next(self._events), depth + 1)
            if name == MERGE and _is_plain(event):
                merged = {**_merged(value, event), **merged}
            elif name in found:
                raise refuse(f"{_at(event)}: the name {name[:60]!r} is there twice")
            else:
                found[name] = value
        return {**merged, **found}

    def _name(self, event: Any) -> str:  # noqa: ANN401
        if isinstance(event, events.AliasEvent):
            value = self._alias(event, 0)
            if isinstance(value, str):
                return value
        if not isinstance(event, events.ScalarEvent):
            raise refuse(f"{_at(event)}: a name is a text")
        scalar: Any = event
        self._count(1)
        value = _scalar(scalar)
        if scalar.anchor is not None:
            self._anchors[scalar.anchor] = (value, 1, 0)
        return scalar.value


def _is_plain(event: Any) -> bool:  # noqa: ANN401
    return isinstance(event, events.ScalarEvent) and cast("Any", event).implicit[0]


def _merged(value: Json, event: Any) -> dict[str, Json]:  # noqa: ANN401
    """Return what `<<` brings in; of several, the first has the say."""
    found: dict[str, Json] = {}
    for each in reversed(value if is_list(value) else [value]):
        if not is_object(each):
            raise refuse(f"{_at(event)}: << takes objects")
        found.update(each)
    return found


def _scalar(event: Any) -> Json:  # noqa: ANN401
    """Return a scalar's value: by its look where it is plain, else its text."""
    text: str = event.value
    if event.tag not in PLAIN_TAGS:
        raise refuse(f"{_at(event)}: the tag {event.tag} is not allowed")
    if event.tag is not None or not event.implicit[0]:
        return text
    if text in WORDS:
        return WORDS[text]
    return _number(text, event)


def _number(text: str, event: Any) -> Json:  # noqa: ANN401
    if NO_NUMBER.fullmatch(text):
        raise refuse(f"{_at(event)}: {text} is no number of JSON")
    if DECIMAL.fullmatch(text) and len(text) <= 300:
        return int(text)
    if OTHER_BASE.fullmatch(text) and len(text) <= 300:
        return int(text, 0)
    if not FLOAT.fullmatch(text):
        return text
    value = float(text)
    if not math.isfinite(value):
        raise refuse(f"{_at(event)}: {text[:60]} is too large a number")
    return value


def _at(event: Any) -> str:  # noqa: ANN401
    mark = event.start_mark
    return f"data: line {mark.line + 1}, column {mark.column + 1}"
