"""A Mustache template as a tree: variables, sections, inverted sections, comments.

Partials, lambdas, inheritance and a change of delimiters are refused: a template is one
text, it is data, and it fetches nothing.  Names are `a.b.0.c`, without blanks, so that the
helpers of other dialects (`{{#if x}}`) are faults and not names that are never there.
The libraries at hand were refused: one calls methods of the values it meets.
"""

import re
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

from mainspring.domain.expression.errors import TemplateInvalid
from mainspring.domain.expression.values import ROOT, Path

MAX_DEPTH: Final = 32


@dataclass(frozen=True, slots=True)
class Variable:
    path: Path
    is_raw: bool
    at: int  # the place in the source, for faults that are found later
    is_json: bool = False  # stands unquoted in a JSON text, and prints as JSON


@dataclass(frozen=True, slots=True)
class Section:
    path: Path
    is_inverted: bool
    body: "Nodes"
    at: int


Node: TypeAlias = str | Variable | Section
Nodes: TypeAlias = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class _Tag:
    sigil: str  # "" for a variable
    name: str
    start: int
    end: int

    @property
    def shown(self) -> str:
        """The name as a fault repeats it: a fault is no place for all that was sent."""
        return self.name if len(self.name) <= 40 else f"{self.name[:40]}…"


_OPENED: Final = re.compile(r"\{\{(\{?)\s*([#^/!&>=<$%]?)")
_LINE_END: Final = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_REFUSED: Final = {
    ">": "partials are not supported",
    "=": "delimiters cannot be changed",
    "<": "inheritance is not supported",
    "$": "blocks are not supported",
    "%": "pragmas are not supported",
}


def parse(source: str) -> Nodes:
    """Return the tree of `source`; raise `TemplateInvalid` with the place of the fault."""
    if "{{" not in source:
        return (source,) if source else ()
    return _Parser(source).parse()


def references(nodes: Nodes) -> frozenset[Path]:
    """Return every path that rendering may read from the root.

    A section references the whole of what it runs over.  A name inside it may be found
    there or, failing that, at the root, so the name counts as read from the root as well.
    """
    found: set[Path] = set()
    _collect(nodes, found, is_top=True)
    return frozenset(found)


def _collect(nodes: Nodes, found: set[Path], *, is_top: bool) -> None:
    for node in nodes:
        if isinstance(node, str):
            continue
        # Inside a section `{{.}}` is the section's own item, which is referenced already.
        if node.path != ROOT or is_top:
            found.add(node.path)
        if isinstance(node, Section):
            _collect(node.body, found, is_top=is_top and node.is_inverted)


class _Parser:
    """One pass over the source, with the open sections on a stack."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._open: list[_Tag] = []
        self._levels: list[list[Node]] = [[]]

    def parse(self) -> Nodes:
        here = 0
        while (opened := self._source.find("{{", here)) >= 0:
            tag = self._read(opened)
            start, end = tag.start, tag.end
            if tag.sigil in ("#", "^", "/", "!"):
                start, end = _own_line(self._source, tag, here)
            self._text(self._source[here:start])
            self._take(tag)
            here = end
        self._text(self._source[here:])
        if self._open:
            tag = self._open[-1]
            self._fail(f'section "{tag.shown}" is never closed', tag.start)
        return tuple(self._levels[0])

    def _read(self, at: int) -> _Tag:
        match = _OPENED.match(self._source, at)
        assert match is not None  # noqa: S101  the caller found the braces
        triple, sigil = match.groups()
        closing = "}}}" if triple else "}}"
        end = self._source.find(closing, match.end())
        if end < 0:
            self._fail(f'tag is never closed by "{closing}"', at)
        if triple and sigil:
            self._fail(f'"{{{{{{" cannot be followed by "{sigil}"', at)
        name = self._source[match.end() : end].strip()
        return _Tag("&" if triple else sigil, name, at, end + len(closing))

    def _take(self, tag: _Tag) -> None:
        if tag.sigil in _REFUSED:
            self._fail(_REFUSED[tag.sigil], tag.start)
        match tag.sigil:
            case "!":
                pass
            case "#" | "^":
                self._begin(tag)
            case "/":
                self._finish(tag)
            case _:
                path = self._path(tag)
                self._levels[-1].append(Variable(path, tag.sigil == "&", tag.start))

    def _begin(self, tag: _Tag) -> None:
        self._path(tag)
        if len(self._open) >= MAX_DEPTH:
            self._fail(f"sections are nested more than {MAX_DEPTH} deep", tag.start)
        self._open.append(tag)
        self._levels.append([])

    def _finish(self, tag: _Tag) -> None:
        if not self._open:
            self._fail(f'"{tag.shown}" is closed but was never opened', tag.start)
        begun = self._open.pop()
        if begun.name != tag.name:
            self._fail(f'"{tag.shown}" is closed while "{begun.shown}" is open', tag.start)
        body = tuple(self._levels.pop())
        section = Section(self._path(begun), begun.sigil == "^", body, begun.start)
        self._levels[-1].append(section)

    def _path(self, tag: _Tag) -> Path:
        if tag.name == ".":
            return ROOT
        if not tag.name:
            self._fail("a tag has no name", tag.start)
        path = tuple(tag.name.split("."))
        if not all(path):
            self._fail(f'name "{tag.shown}" has an empty part', tag.start)
        if re.search(r"[\s{}]", tag.name):
            self._fail(f'name "{tag.shown}" has a blank or a brace in it', tag.start)
        return path

    def _text(self, text: str) -> None:
        if text:
            self._levels[-1].append(text)

    def _fail(self, reason: str, at: int) -> NoReturn:
        raise TemplateInvalid(reason, *place(self._source, at))


def place(source: str, at: int) -> tuple[int, int]:
    """Return line and column of an offset, both from 1."""
    return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)


def _own_line(source: str, tag: _Tag, since: int) -> tuple[int, int]:
    # A tag that prints nothing and stands alone on its line takes the line with it.  Only the
    # blanks beside the tag are looked at, or a long line full of tags would take its square.
    start = tag.start
    while start > since and source[start - 1] in " \t":
        start -= 1
    rest = _LINE_END.match(source, tag.end)
    is_first = start == 0 or source[start - 1] == "\n"
    return (start, rest.end()) if rest and is_first else (tag.start, tag.end)
