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

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

from mainspring.domain.expression.errors import ExpressionTooLarge, TemplateInvalid
from mainspring.domain.expression.escape import Escape
from mainspring.domain.expression.jsontext import is_json_text, parse_json_text
from mainspring.domain.expression.mustache import CompiledText, compile_text
from mainspring.domain.expression.values import (
    MAX_OUTPUT,
    Missing,
    Path,
    Value,
    as_json,
)

MAX_DEPTH: Final = 64
_CACHED_LENGTH: Final = 4096


class _Room:
    """What the output of one rendering may still take."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ExpressionTooLarge("the output is too large")


Build: TypeAlias = Callable[[Value, _Room], Value]


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
        return self._build(context, _Room(max_output))

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
    build = _builder(template, "", MAX_DEPTH, names)
    return CompiledBody(build, constant=template, references=frozenset(names))


def _builder(template: Value, place: str, depth: int, names: set[Path]) -> Build | None:
    """Return what builds `template`, or None when it builds only itself."""
    if depth == 0:
        raise ExpressionTooLarge(f"{place}: nested more than {MAX_DEPTH} deep")
    match template:
        case str():
            return _string_builder(template, place, names)
        case dict():
            below = {
                key: _builder(value, f"{place}.{key}" if place else key, depth - 1, names)
                for key, value in template.items()
            }
            return _object_builder(template, below)
        case list():
            items = [
                _builder(value, f"{place}[{index}]", depth - 1, names)
                for index, value in enumerate(template)
            ]
            return _list_builder(template, items)
        case _:
            return None


def _object_builder(template: dict[str, Value], below: dict[str, Build | None]) -> Build | None:
    # The fields that change are laid over a copy of the rest, so order is kept.
    moving = [(key, build) for key, build in below.items() if build is not None]

    def build(context: Value, room: _Room) -> Value:
        built = template.copy()
        for key, one in moving:
            built[key] = one(context, room)
        return built

    return build if moving else None


def _list_builder(template: list[Value], items: list[Build | None]) -> Build | None:
    moving = [(index, build) for index, build in enumerate(items) if build is not None]

    def build(context: Value, room: _Room) -> Value:
        built = template.copy()
        for index, one in moving:
            built[index] = one(context, room)
        return built

    return build if moving else None


def _string_builder(template: str, place: str, names: set[Path]) -> Build | None:
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
    def build(context: Value, room: _Room) -> Value:
        rendered = text.render(context, escape, max_output=room.left)
        room.take(len(rendered))
        return rendered

    return build


def _resolving(text: CompiledText) -> Build:
    def build(context: Value, room: _Room) -> Value:
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
