"""CEL in a text: `{{ expression }}` between plain words.

The words of CEL are cut to find where an expression ends, so that braces inside a text or an
object end nothing.  A search for the next `}}` lost: `{{ {"a": {"b": 1}} }}` is one expression.
What an expression yields is printed and never read again, whatever braces it holds.
"""

from typing import Final, TypeAlias, cast

from mainspring.domain.expression.cel import CompiledCel, Run, compile_cel
from mainspring.domain.expression.cel.extras import digits
from mainspring.domain.expression.cel.kinds import Val
from mainspring.domain.expression.cel.tokens import MAX_LENGTH, fault, word_at
from mainspring.domain.expression.errors import CelInvalid, ExpressionFailed
from mainspring.domain.expression.shape import MAX_WORDS, Room
from mainspring.domain.expression.values import Path, Value, as_json

Part: TypeAlias = str | CompiledCel


class CompiledCelText:
    """A text with expressions in it, or one whole expression."""

    __slots__ = ("_is_whole", "_parts", "references", "words")

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self._parts = parts
        # A block of YAML ends with a line break that its author did not mean to send.
        self._is_whole = isinstance(parts[0], CompiledCel) and parts[1:] in ((), ("\n",))
        self.words = sum(1 + len(p.text) // 4 for p in parts if isinstance(p, CompiledCel))
        self.references: frozenset[Path] = frozenset[Path]().union(
            *(part.references for part in parts if isinstance(part, CompiledCel))
        )

    def build(self, context: Value, room: Room) -> Value:
        """Return the text, or the value of the one expression; raise `ExpressionError`."""
        run = Run(cast("dict[str, Val]", context), room.steps)
        run.spend(len(self._parts))
        if self._is_whole:
            value = _answer(self._parts[0], run)
            room.take(len(value) if isinstance(value, str) else len(as_json(value)))
        else:
            value = "".join([self._printed(part, run, room) for part in self._parts])
        room.steps = run.left
        return value

    def _printed(self, part: Part, run: Run, room: Room) -> str:
        text = show(_answer(part, run))
        room.take(len(text))
        return text


def compile_cel_text(text: str) -> CompiledCelText | None:
    """Return the text compiled, None when it is plain; raise `CelInvalid` with its place."""
    return CompiledCelText(cut(text)) if "{{" in text else None


def cut(text: str) -> tuple[Part, ...]:
    """Return the plain parts and the expressions of `text`; raise `CelInvalid` with its place."""
    parts: list[Part] = []
    at, words = 0, 0
    while (begin := text.find("{{", at)) >= 0:
        if begin > at:
            parts.append(text[at:begin])
        end = _end(text, begin)
        words += 1 + (end - begin) // 4
        if words > MAX_WORDS:
            raise fault(text, begin, "the expressions of one text have too many words")
        parts.append(_compiled(text, begin + 2, end))
        at = end + 2
    if at < len(text):
        parts.append(text[at:])
    return tuple(parts)


def show(value: Value) -> str:
    """Return `value` as it stands in a text: a text as it is, numbers plainly, else JSON."""
    if isinstance(value, str):
        return value
    return digits(value) if isinstance(value, float) else as_json(value).decode()


_CAUSE: Final = 60  # characters of an expression that its failure shows


def _answer(part: Part, run: Run) -> Value:
    if isinstance(part, str):
        return part
    try:
        return part.run(run)
    except ExpressionFailed as error:
        raise ExpressionFailed(f"{{{{ {part.text.strip()[:_CAUSE]} }}}}: {error}") from None


def _end(text: str, begin: int) -> int:
    """Return where the `}}` stands that closes the expression."""
    at, depth = begin + 2, 0
    while at < len(text):
        if at - begin > MAX_LENGTH:
            raise fault(text, begin, f"an expression has more than {MAX_LENGTH} characters")
        if depth == 0 and text.startswith("}}", at):
            return at
        token, at = word_at(text, at)
        if token is not None and token.sort == "op":
            depth += (token.value == "{") - (token.value == "}")
    raise fault(text, begin, 'an expression is never closed by "}}"')


def _compiled(text: str, start: int, end: int) -> CompiledCel:
    try:
        return compile_cel(text[start:end])
    except CelInvalid as error:
        line = text.count("\n", 0, start)
        before = start - (text.rfind("\n", 0, start) + 1) if error.line == 1 else 0
        raise CelInvalid(error.reason, line + error.line, before + error.column) from None
