"""One face over the template languages: a JSON value in which every string may be a template.

The caller need not know which language it holds.  A string that is one whole expression keeps
the type of its value; all other text is printed.  What was rendered is never rendered again.
In Mustache a name that is missing prints nothing; in the others it is an error with its name.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from mainspring.domain.expression.body import string_builder
from mainspring.domain.expression.celtext import compile_cel_text
from mainspring.domain.expression.errors import (
    ExpressionError,
    ExpressionFailed,
    ExpressionInvalid,
    ExpressionTooLarge,
)
from mainspring.domain.expression.jinja import MAX_STEPS as JINJA_STEPS
from mainspring.domain.expression.jinja import compile_jinja
from mainspring.domain.expression.render import MAX_PARTS
from mainspring.domain.expression.shape import MAX_STEPS, Build, Room, Sheet, builder
from mainspring.domain.expression.values import MAX_OUTPUT, Path, Value, as_json

TemplateLanguage: TypeAlias = Literal["mustache", "cel", "jinja"]

_CACHED_LENGTH: Final = 8192  # what is compiled takes a hundred times its length
_decode = msgspec.json.Decoder().decode


class CompiledTemplate:
    """A JSON value whose strings were compiled.  Immutable, and safe to share.

    `references` is every path of the context that it may read.
    """

    __slots__ = ("_build", "_constant", "_steps", "references")

    def __init__(
        self, build: Build | None, constant: Value, references: frozenset[Path], steps: int
    ) -> None:
        self._build = build
        self._constant = constant
        self._steps = steps
        self.references = references

    def render(self, context: dict[str, Value], *, max_output: int = MAX_OUTPUT) -> Value:
        """Return the value; raise `ExpressionError` with the place of the string that has none.

        Values are shared with the context, and nothing with the template.
        """
        if self._build is None:
            return self._constant
        return self._build(context, Room(max_output, self._steps))

    def carry(self, context: dict[str, Value]) -> tuple[Value, int]:
        """Return a value for another rendering to work on, and the steps that were taken.

        In Jinja the value is not measured: who lets it out does that (`Gathering`).
        """
        if self._build is None:
            return self._constant, 0
        room = Room(MAX_OUTPUT, self._steps, is_inner=True)
        return self._build(context, room), self._steps - room.steps


def compile_template(value: Value, language: TemplateLanguage) -> CompiledTemplate:
    """Return a JSON value compiled; raise `ExpressionError` with the place of its first fault."""
    text = as_json(value)
    # Each task brings its own copy of the template, so its JSON is what it is remembered by.
    return _remembered(text, language) if len(text) <= _CACHED_LENGTH else _compiled(text, language)


def template_faults(value: Value, language: TemplateLanguage) -> list[tuple[str, str]]:
    """Return every fault of the strings of `value` with its place, such as `items[2].sku`."""
    faults: list[tuple[str, str]] = []
    sheet = Sheet()
    string = _STRINGS[language]

    def leaf(text: str, place: str) -> Build | None:
        try:
            return string(text, "", sheet)
        except ExpressionInvalid as error:
            faults.append((place, str(error)))
            sheet.read(len(text) >> 3)
            return None

    try:
        builder(value, leaf)
    except ExpressionError as error:  # of the whole: nested too deeply, or too long
        faults.append(("", str(error)))
    return faults


def _compiled(text: bytes, language: TemplateLanguage) -> CompiledTemplate:
    value: Value = _decode(text)
    sheet = Sheet()
    string = _STRINGS[language]
    # A compiled template is kept, so nobody who is given a value may hold a part of it.
    build = builder(value, lambda text, place: string(text, place, sheet), fresh=True)
    return CompiledTemplate(build, value, frozenset(sheet.names), _STEPS[language])


_remembered = lru_cache(maxsize=512)(_compiled)


class _Compiled(Protocol):
    @property
    def references(self) -> frozenset[Path]: ...
    @property
    def words(self) -> int: ...
    def build(self, context: Value, room: Room) -> Value: ...


String: TypeAlias = Callable[[str, str, Sheet], Build | None]


def _mustache(text: str, place: str, sheet: Sheet) -> Build | None:
    sheet.read(text.count("{{"))
    return string_builder(text, place, sheet.names)


def _strict(compile_text: Callable[[str], _Compiled | None]) -> String:
    def string(text: str, place: str, sheet: Sheet) -> Build | None:
        try:
            compiled = compile_text(text)
        except ExpressionInvalid as fault:
            raise fault.within(place) from None
        if compiled is None:
            return None
        sheet.read(compiled.words)
        sheet.names |= compiled.references
        return _placed(compiled.build, place)

    return string


def _placed(build: Build, place: str) -> Build:
    """Return `build`, whose failures say in which string of the value they are."""

    def built(context: Value, room: Room) -> Value:
        try:
            return build(context, room)
        except (ExpressionFailed, ExpressionTooLarge) as error:
            raise type(error)(f"{place}: {error}") from None

    return built if place else build


_STRINGS: Final[dict[TemplateLanguage, String]] = {
    "mustache": _mustache,
    "cel": _strict(compile_cel_text),
    "jinja": _strict(compile_jinja),
}
# A step of Jinja is half of one of CEL; in Mustache it is a part of a section.
_STEPS: Final[dict[TemplateLanguage, int]] = {
    "mustache": MAX_PARTS,
    "cel": MAX_STEPS,
    "jinja": JINJA_STEPS,
}
