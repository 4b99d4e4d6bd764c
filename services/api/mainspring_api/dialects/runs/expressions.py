"""CEL as a workflow writes it: `{{ … }}` in texts, and names of steps with hyphens in dot form.

For CEL `steps.fetch-data` is a subtraction; here it is the step `fetch-data`, wherever a step is
called so.  Texts are cut into CEL's own words for that, so what stands in quotes stays as it is.
"""

import re
from collections.abc import Callable, Collection
from typing import Final, TypeAlias, cast

from mainspring.domain.expression import ExpressionError, Path, compile_cel
from mainspring.domain.expression.cel.tokens import Token, fault, word_at
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item
from mainspring_api.dialects.runs.wire import LONGEST_NAME

OPEN: Final = "{{"
MOST: Final = 4000
MOST_CHARS: Final = 200_000
_NAMED: Final = ("steps", "hooks")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


Judge: TypeAlias = Callable[[frozenset[Path], str, Faults], None]
"""Notes what is wrong with the paths that an expression reads, at its place."""


def is_template(value: Json) -> bool:
    """Say whether a value is a text with an expression in it."""
    return isinstance(value, str) and OPEN in value


class Budget:
    """How many expressions of a workflow are read still: reading them is the costly part."""

    __slots__ = ("_chars", "_count")

    def __init__(self) -> None:
        self._count = MOST
        self._chars = MOST_CHARS

    def spend(self, text: str, place: str, faults: Faults) -> bool:
        """Say whether an expression may be read; the first one too many is noted."""
        was_left = self._count >= 0 and self._chars >= 0
        self._count -= 1
        self._chars -= len(text)
        if self._count >= 0 and self._chars >= 0:
            return not faults.is_full  # what is only counted need not be looked at
        if was_left:
            what = (
                f"the workflow has more than {MOST} expressions, or {MOST_CHARS} characters of them"
            )
            faults.add(place, what)
        return False


class Reader:
    """Reads the expressions of one step; what they name is told to `judge`, with its place."""

    def __init__(
        self, known: Collection[str], budget: Budget, faults: Faults, judge: Judge
    ) -> None:
        self._known = known
        self._budget = budget
        self._faults = faults
        self._judge = judge
        self.paths: frozenset[Path] = frozenset()

    def rule(self, text: str, place: str) -> str:
        """Return an expression that stands alone, as CEL can read it."""
        if not self._budget.spend(text, place, self._faults):
            return text
        try:
            settled = _bracketed(text, self._known)
            self._take(compile_cel(settled).references, place)
        except ExpressionError as error:
            self._faults.add(place, str(error))
            return text
        return settled

    def template(self, value: Json, place: str) -> Json:
        """Return a value with the expressions in its texts as CEL can read them."""
        if isinstance(value, str):
            return self._text(value, place) if OPEN in value else value
        if isinstance(value, dict):
            members = cast("dict[str, Json]", value).items()
            return {name: self.template(each, below(place, name)) for name, each in members}
        if isinstance(value, list):
            items = enumerate(cast("list[Json]", value))
            return [self.template(each, item(place, index)) for index, each in items]
        return value

    def _text(self, text: str, place: str) -> str:
        parts: list[str] = []
        paths, at = frozenset[Path](), 0
        try:
            while (begin := text.find(OPEN, at)) >= 0:
                end = _end(text, begin)
                if not self._budget.spend(text[begin:end], place, self._faults):
                    return text
                expression = _bracketed(text[begin + 2 : end], self._known)
                paths |= compile_cel(expression).references
                parts += (text[at:begin], OPEN, expression, "}}")
                at = end + 2
        except ExpressionError as error:
            self._faults.add(place, str(error))
            return text
        self._take(paths, place)
        return "".join((*parts, text[at:]))

    def _take(self, paths: frozenset[Path], place: str) -> None:
        self.paths |= paths
        self._judge(paths, place, self._faults)


def _end(text: str, begin: int) -> int:
    """Return where the `}}` stands that closes an expression; braces inside it close nothing."""
    at, depth = begin + 2, 0
    while at < len(text):
        if depth == 0 and text.startswith("}}", at):
            return at
        token, at = word_at(text, at)
        if token is not None and token.sort == "op":
            depth += (token.value == "{") - (token.value == "}")
    raise fault(text, begin, 'an expression is never closed by "}}"')


def _bracketed(text: str, known: Collection[str]) -> str:
    """Return an expression with `steps.a-b` as `steps["a-b"]`."""
    if "-" not in text:
        return text
    parts: list[str] = []
    before: list[Token] = []
    start = at = 0
    while at < len(text):
        token, end = word_at(text, at)
        if token is not None:
            if token.sort == "name" and _names_one(before):
                name = _name(_WORD.match(text, at), known)
                if "-" in name:
                    parts += (text[start : before[-1].at], f'["{name}"]')
                    start = end = at + len(name)
            before = [*before[-2:], token]
        at = end
    return "".join((*parts, text[start:]))


def _names_one(before: list[Token]) -> bool:
    """Say whether what comes after these words is the name of a step or a hook."""
    match before:
        case [*rest, Token("name", root), Token("op", ".")] if root in _NAMED:
            return not (rest and rest[-1].value == "." and rest[-1].sort == "op")
        case _:
            return False


def _name(word: re.Match[str] | None, known: Collection[str]) -> str:
    """Return the longest name that there is at the beginning of a word, or else all of it."""
    whole = word[0].rstrip("-") if word is not None else ""
    name = whole[: LONGEST_NAME + 1]
    while name and name not in known:
        name = name.rpartition("-")[0]
    return name or whole
