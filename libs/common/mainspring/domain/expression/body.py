"""Bodies of requests as templates: a JSON value, a JSON text, or any other text.

In a JSON value each string may be a template; one that is a single placeholder keeps the
type of the value it names, so `"{{payload.items}}"` sends a list.  Where nothing is named
it becomes the empty text, as everywhere in Mustache.  Names of fields are no templates.

A string that begins with a brace or a bracket is JSON text: a placeholder inside quotation
marks prints escaped text there, one outside prints JSON (null where nothing is named).  Its
result is a text too, sent as its author laid it out.  A string that begins with a tag
is no JSON text: a single placeholder keeps its value's type, all else is plain text.

To parse a JSON text first, and treat it as a value, lost: numbers inside quotation marks
would lose them, and sections around the items of a list could not be written at all.
"""

from functools import lru_cache
from typing import Final

from mainspring.domain.expression.errors import TemplateInvalid
from mainspring.domain.expression.escape import Escape
from mainspring.domain.expression.jsontext import is_json_text, parse_json_text
from mainspring.domain.expression.mustache import CompiledText, compile_text
from mainspring.domain.expression.render import MAX_PARTS
from mainspring.domain.expression.shape import Build, Room, builder
from mainspring.domain.expression.values import (
    MAX_OUTPUT,
    Missing,
    Path,
    Value,
    as_json,
)

_CACHED_LENGTH: Final = 4096


class CompiledBody:
    """A template of a whole body.  Immutable, and safe to share."""

    __slots__ = ("_build", "_constant", "_is_json_text", "references")

    def __init__(
        self,
        build: Build | None,
        *,
        constant: Value = None,
        references: frozenset[Path] = frozenset(),
        is_json_text: bool = False,
    ) -> None:
        self._build = build  # None: the body has no tags, and is `constant`
        self._constant = constant
        self._is_json_text = is_json_text
        self.references = references

    @property
    def is_static(self) -> bool:
        return self._build is None

    def render(self, context: Value, *, max_output: int = MAX_OUTPUT) -> Value:
        """Return the body as a JSON value; a body that is a text comes back as `str`.

        Values are shared with the template and the context, not copied.
        """
        if self._build is None:
            return self._constant
        return self._build(context, Room(max_output, MAX_PARTS))

    def encode(self, context: Value, *, max_output: int = MAX_OUTPUT) -> tuple[bytes, bool]:
        """Return the bytes to send, and whether they are JSON and should be called so."""
        value = self.render(context, max_output=max_output)
        if isinstance(value, str):
            return value.encode(), self._is_json_text
        return as_json(value), True


def compile_body(template: Value) -> CompiledBody:
    """Return the compiled body; raise `TemplateInvalid` with the place of its first fault.

    A fault inside a JSON value has the place of its string first: `items[2].sku: line 1, …`.
    """
    if not isinstance(template, str):
        return _compile_value(template)
    return _compile_cached(template) if len(template) <= _CACHED_LENGTH else _compile(template)


def render_body(template: Value, context: Value) -> Value:
    """Return `template` rendered as `CompiledBody.render` does."""
    return compile_body(template).render(context)


def render_json(template: Value, context: Value) -> Value:
    """Return a JSON value in which every string was rendered, text that looks like JSON too."""
    return _compile_value(template).render(context)


def _compile(template: str) -> CompiledBody:
    if not is_json_text(template):
        return _compile_value(template)
    text = CompiledText(parse_json_text(template))
    if text.is_static:
        return CompiledBody(None, constant=template, is_json_text=True)
    build = _printing(text, Escape.JSON)
    return CompiledBody(build, references=text.references, is_json_text=True)


@lru_cache(maxsize=1024)
def _compile_cached(template: str) -> CompiledBody:
    return _compile(template)


def _compile_value(template: Value) -> CompiledBody:
    names: set[Path] = set()
    build = builder(template, lambda text, place: string_builder(text, place, names))
    return CompiledBody(build, constant=template, references=frozenset(names))


def string_builder(template: str, place: str, names: set[Path]) -> Build | None:
    """Return what builds a string, or None when it builds itself; its reads go into `names`."""
    try:
        text = compile_text(template)
    except TemplateInvalid as fault:
        raise fault.within(place) from None
    if text.is_static:
        # A static text may still differ from its source: a comment prints nothing.
        constant = text.render(None)
        return None if constant == template else lambda _context, _room: constant
    names |= text.references
    return _resolving(text) if text.is_placeholder else _printing(text, Escape.TEXT)


def _printing(text: CompiledText, escape: Escape) -> Build:
    def build(context: Value, room: Room) -> Value:
        return text.fill(context, escape, room)

    return build


def _resolving(text: CompiledText) -> Build:
    def build(context: Value, room: Room) -> Value:
        value = text.resolve(context)
        if isinstance(value, Missing):
            return ""
        if isinstance(value, dict | list):
            # One value named a thousand times is small here and huge when it is sent.
            room.take(len(as_json(value)))
        elif isinstance(value, str):
            room.take(len(value))
        return value

    return build
