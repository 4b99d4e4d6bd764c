"""YAML of strangers as plain JSON values, and where in it everything stands.

Only what JSON has comes out: dates, `yes` and `1:30` stay texts (as YAML 1.2 has it), while tags,
merge keys, keys that are no texts, and keys given twice are faults.  Aliases may be used, and what
they blow up is counted before it is built.  The parser's events are folded without recursion: its
own constructor lost, since it keeps no places, takes the last of two equal keys in silence, and is
as deep as what it reads.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, cast

import msgspec
import yaml
from yaml.reader import Reader

from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown

LARGEST: Final = 1 << 20
"""Bytes of a document."""
DEEPEST: Final = 64
MOST_VALUES: Final = 50_000
"""Values of a document, those of aliases counted each time."""
MOST_TEXT: Final = 4 << 20
"""Characters of all its texts, counted likewise."""

Mark: TypeAlias = tuple[int, int]
"""A line and a column, both from 1."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNREADABLE: Final = Reader.NON_PRINTABLE
_TOLD: Final = re.compile(r"(\d+):(\d+): ")
_PART: Final = re.compile(r'\.?([A-Za-z_$][\w$-]*)|\["([^\n]*?)"\]|\[(\d+)\]')
_CONSTANTS: Final[Mapping[str, Json]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OTHER_BASE: Final = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DOUBTFUL: Final = re.compile(
    r"[-+]?0[0-9][0-9_]*(?:\.[0-9]*)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_WIDEST: Final = 1 << 63


class _Marked(Protocol):
    """A mark of the parser, whose lines and columns are from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Fault(msgspec.Struct, frozen=True):
    """One fault of a document; line and column are None where it belongs to no place."""

    line: int | None
    column: int | None
    path: str
    message: str

    @property
    def told(self) -> str:
        """The fault on one line: `line:column: path: message`."""
        at = "" if self.line is None else f"{self.line}:{self.column}: "
        return at + (f"{self.path}: " if self.path else "") + self.message


class DocumentInvalid(DefinitionInvalid):
    """A document has faults; `details` has them with their lines and columns."""

    def __init__(self, located: Sequence[Fault]) -> None:
        super().__init__([each.told for each in located])
        self.located = tuple(located)

    @property
    def details(self) -> tuple[Fault, ...]:
        """What a client is told of each fault."""
        return self.located


class _Node:
    """A value with its place, and what it costs to build it once more."""

    __slots__ = ("at", "chars", "height", "kids", "mark", "size", "value")

    def __init__(self, value: Json, mark: Mark, chars: int = 0) -> None:
        self.value = value
        self.mark = mark
        self.size = 1
        self.chars = chars
        self.height = 0
        self.at: dict[str, Mark] = {}
        self.kids: dict[str, _Node] | list[_Node] = [] if isinstance(value, list) else {}

    def take(self, inner: "_Node") -> None:
        """Count in what stands inside."""
        self.size += inner.size
        self.chars += inner.chars
        self.height = max(self.height, inner.height + 1)


class Document:
    """What was read; `is_broken` when nothing could be, and then `data` is None."""

    def __init__(self, root: _Node | None) -> None:
        self._root = root
        self.is_broken = root is None
        self.data: Json = None if root is None else root.value

    def mark(self, place: str) -> Mark:
        """Return line and column of a place: of a member's key, or of an item of a list.

        Of a place that is not there, those of the nearest one around it that is.
        """
        node, at, found = self._root, 0, (1, 1) if self._root is None else self._root.mark
        while node is not None and (part := _PART.match(place, at)):
            found, node = _below(node, part, found)
            at = part.end()
        return found

    def where(self, place: str) -> str:
        """Return where a place is, in words: `line 3, column 5`."""
        line, column = self.mark(place)
        return f"line {line}, column {column}"

    def located(self, faults: Faults) -> list[Fault]:
        """Return all faults with their lines and columns, in the order of the text."""
        found = [self._located(text) for text in faults.all()]
        last = (LARGEST, 0)
        return sorted(found, key=lambda x: last if x.line is None else (x.line, x.column or 0))

    def check(self, faults: Faults) -> None:
        """Raise `DocumentInvalid` with all faults, if there are any."""
        if faults:
            raise DocumentInvalid(self.located(faults))

    def _located(self, text: str) -> Fault:
        told = _TOLD.match(text)
        path, message = _split(text[told.end() :] if told else text)
        if told is None and text.startswith("and ") and text.endswith(" more"):
            return Fault(None, None, "", text)
        line, column = (int(told[1]), int(told[2])) if told else self.mark(path)
        return Fault(line, column, path, message)


def read_yaml(text: str, faults: Faults) -> Document:
    """Return a YAML text as plain values; what is wrong with it is noted, each with its place.

    A document that is not broken can be looked at further, so that all faults are told at once:
    `document.check(faults)` puts them in order and raises.
    """
    unread = _UNREADABLE.search(text)
    if len(text) > LARGEST or len(text.encode(errors="replace")) > LARGEST:
        faults.add("1:1", f"the document is larger than {LARGEST} bytes")
    elif unread is not None:
        faults.add(_at(_mark_of(text, unread.start())), "a character that YAML cannot have")
    else:
        return Document(_Builder(faults).build(text))
    return Document(None)


class _Stop(Exception):
    """A bound is passed: no more is read."""


class _Frame:
    """A list or an object that is being read; `key` is that of the value to come."""

    __slots__ = ("anchor", "key", "key_mark", "node")

    def __init__(self, node: _Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: str | None = None
        self.key_mark: Mark | None = None


class _Builder:
    """One reading of one text."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Node | None] = {}
        self.root: _Node | None = None
        self.documents = 0
        self.size = 0
        self.chars = 0
        self.takers: Final[Mapping[type[Any], Callable[[Any], None]]] = {
            yaml.DocumentStartEvent: self._document,
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceEndEvent: self._close,
            yaml.MappingEndEvent: self._close,
        }

    def build(self, text: str) -> _Node | None:
        """Return the whole; None when it is broken."""
        try:
            for event in yaml.parse(text, _LOADER):
                take = self.takers.get(type(event))
                if take is not None:
                    take(event)
        except _Stop:
            return None
        except yaml.MarkedYAMLError as error:
            mark = _of(error.problem_mark or error.context_mark)
            self._note(mark, f"is not YAML: {error.problem}")
            return None
        return self.root or _Node(None, (1, 1))

    def _note(self, mark: Mark, what: str, key: str | None = None) -> None:
        path = self._path() if key is None else below(self._path(), key)
        self.faults.add(f"{_at(mark)}: {path}" if path else _at(mark), what)

    def _path(self) -> str:
        path = ""
        for frame in self.frames:
            if isinstance(frame.node.kids, list):
                path = item(path, len(frame.node.kids))
            elif frame.key is not None:
                path = below(path, frame.key)
        return path

    def _stop(self, mark: Mark, what: str) -> _Stop:
        self._note(mark, what)
        return _Stop()

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self._stop(_of(event.start_mark), "one document is wanted, and here is another")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        mark, text = _of(event.start_mark), event.value
        self._check_tag(event, mark)
        value: Json = text
        if not event.style and event.implicit[0]:
            value = self._plain(text, mark)
        if "\0" in text:
            self._note(mark, "a text cannot have a NUL character")
        node = _Node(value, mark, len(text))
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._put(node)

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, mark: Mark) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._note(mark, f"tags are not known here ({shown(tag)})")

    def _plain(self, text: str, mark: Mark) -> Json:
        """Return what a text without quotes stands for."""
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _DOUBTFUL.fullmatch(text):
            self._note(mark, f"{shown(text)} is no number of JSON: put it in quotes")
            return text
        number = _number(text)
        if number is None or -_WIDEST <= number < 2 * _WIDEST or isinstance(number, float):
            return text if number is None or abs(number) == float("inf") else number
        self._note(mark, f"the number {shown(text)} is out of range")
        return text

    def _open(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        mark = _of(event.start_mark)
        self._check_tag(event, mark)
        if len(self.frames) >= DEEPEST:
            raise self._stop(mark, f"is nested more than {DEEPEST} deep")
        value: Json = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        if event.anchor is not None:
            self.anchors[event.anchor] = None  # it has no value before it ends
        self.frames.append(_Frame(_Node(value, mark), event.anchor))

    def _close(self, _event: yaml.Event) -> None:
        frame = self.frames.pop()
        if frame.anchor is not None:
            self.anchors[frame.anchor] = frame.node
        self._put(frame.node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        mark, name = _of(event.start_mark), cast("str", event.anchor)
        if name not in self.anchors:
            raise self._stop(mark, f'no anchor "{shown(name)}" before this')
        node = self.anchors[name]
        if node is None:
            raise self._stop(mark, f'"{shown(name)}" has itself inside')
        if len(self.frames) + node.height > DEEPEST:
            raise self._stop(mark, f"is nested more than {DEEPEST} deep")
        self._count(node.size, node.chars, mark)
        self._put(node, counted=True)

    def _count(self, size: int, chars: int, mark: Mark) -> None:
        self.size += size
        self.chars += chars
        if self.size > MOST_VALUES:
            raise self._stop(mark, f"the document has more than {MOST_VALUES} values")
        if self.chars > MOST_TEXT:
            raise self._stop(mark, f"the document has more than {MOST_TEXT} characters")

    def _put(self, node: _Node, *, counted: bool = False) -> None:
        """Put a value where the innermost list or object has its next one."""
        if not counted:
            # What is inside of a list or an object has been counted already.
            self._count(1, len(node.value) if isinstance(node.value, str) else 0, node.mark)
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        outer = frame.node
        if isinstance(outer.kids, list):
            cast("list[Json]", outer.value).append(node.value)
            outer.kids.append(node)
        elif frame.key_mark is None:
            self._key(frame, node)
            outer.chars += node.chars
            return
        else:
            self._member(frame, node)
        outer.take(node)

    def _key(self, frame: _Frame, node: _Node) -> None:
        """Take a key; the value of one that is a fault is read and left out."""
        frame.key_mark, name = node.mark, node.value
        if not isinstance(name, str):
            self._note(node.mark, f"a key is a text, not {kind(name)}: put it in quotes")
        elif name == "<<":
            self._note(node.mark, "merge keys are not known here: write out what they would merge")
        elif name in frame.node.at:
            line = frame.node.at[name][0]
            self._note(node.mark, f"is given twice, first in line {line}", name)
        else:
            frame.key = name
            frame.node.at[name] = node.mark

    def _member(self, frame: _Frame, node: _Node) -> None:
        if frame.key is not None:
            cast("dict[str, Json]", frame.node.value)[frame.key] = node.value
            cast("dict[str, _Node]", frame.node.kids)[frame.key] = node
        frame.key = frame.key_mark = None


def _number(text: str) -> int | float | None:
    if len(text) > 400:
        return None
    if _WHOLE.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else None


def _of(mark: _Marked | None) -> Mark:
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def _at(mark: Mark) -> str:
    return f"{mark[0]}:{mark[1]}"


def _mark_of(text: str, index: int) -> Mark:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _below(node: _Node, part: re.Match[str], outer: Mark) -> tuple[Mark, _Node | None]:
    """Return the place and the value of a part of a path, or what is around it."""
    name, quoted, index = part.groups()
    if isinstance(node.kids, list):
        inner = node.kids[int(index)] if index and int(index) < len(node.kids) else None
        return (outer, None) if inner is None else (inner.mark, inner)
    if name is None:
        name = next((key for key in node.kids if shown(key) == quoted), None)
    if name is None or name not in node.kids:
        return outer, None
    return node.at[name], node.kids[name]


def _split(text: str) -> tuple[str, str]:
    """Return a fault's path and what is said of it."""
    at = 0
    while (part := _PART.match(text, at)) and part.end() > at:
        at = part.end()
        if text.startswith(": ", at):
            return text[:at], text[at + 2 :]
    return "", text
