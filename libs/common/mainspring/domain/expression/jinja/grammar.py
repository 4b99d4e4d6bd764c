"""Jinja's own reader, let loose only on what cannot hurt it.

The words are looked at before the grammar is: statements that are not offered are told by their
place, and what would nest deeply is refused by count, not by where Python's stack happens to end.
The library gives no columns, so the place of each tag is found from its words.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mainspring.domain.expression.errors import TemplateInvalid

MAX_WORDS: Final = 10_000
MAX_NESTING: Final = 24
MAX_LENGTH: Final = 1 << 20
_STATEMENTS: Final = frozenset(("if", "elif", "else", "endif", "for", "endfor", "set"))
_HEADS: Final = frozenset(("if", "elif", "for", "set"))
_INSTEAD: Final = {
    **dict.fromkeys(("print", "do"), "; write {{ ... }}"),
    "endset": "; write {% set name = value %}",
}
_ESCAPES: Final = frozenset("\\'\"abfnrtvxuUN01234567\n")
_SHOWN: Final = 60

# Never asked to render: it reads, and our own evaluator counts.  The sandbox is a second wall.
_LIBRARY: Final = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
)


class Tag(NamedTuple):
    """One `{{ … }}` or the head of one `{% … %}`, and its place in the source, from 1."""

    line: int
    column: int
    text: str = ""


class Tree(NamedTuple):
    """What the library read, and the tags in the order of the source."""

    body: list[nodes.Node]
    outputs: list[Tag]
    heads: list[Tag]
    words: int


class _Word(NamedTuple):
    line: int
    column: int
    sort: str
    text: str
    at: int


def read(source: str) -> Tree:
    """Return the tree of a template; raise `TemplateInvalid` with the place of its fault."""
    words = list(_words(source, None))
    outputs, heads = _tags(source, words)
    try:
        tree = _LIBRARY.parse(source)
    except TemplateSyntaxError as error:
        _refuse(error, [*outputs, *heads])
    except RecursionError:
        raise TemplateInvalid("nested too deeply") from None
    except (ValueError, OverflowError):
        raise TemplateInvalid("a number has too many digits") from None
    return Tree(tree.body, outputs, heads, len(words))


def read_expression(source: str) -> nodes.Expr:
    """Return the tree of one bare expression; raise `TemplateInvalid` with its place."""
    for _ in _words(source, "variable"):
        pass
    try:
        parser = Parser(_LIBRARY, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise TemplateInvalid("expected one expression and nothing more")
        tree.set_environment(_LIBRARY)
    except TemplateSyntaxError as error:
        _refuse(error, [])
    except RecursionError:
        raise TemplateInvalid("nested too deeply") from None
    except (ValueError, OverflowError):
        raise TemplateInvalid("a number has too many digits") from None
    return tree


def _refuse(error: TemplateSyntaxError, tags: list[Tag]) -> NoReturn:
    before = [tag for tag in tags if tag.line <= error.lineno]
    last = max(before, default=Tag(error.lineno, 1))
    column = last.column if last.line == error.lineno else 1
    raise TemplateInvalid((error.message or "not a template")[:200], error.lineno, column) from None


def _words(source: str, state: str | None) -> Iterator[_Word]:
    """Yield the words of `source` with their offsets, as long as they are harmless."""
    if len(source) > MAX_LENGTH:
        raise TemplateInvalid("the template is larger than 1 MiB")
    text = _plain(source)
    watch, at, begin = _Watch(), 0, 0
    try:
        for line, sort, word in _LIBRARY.lexer.tokeniter(text, None, None, state):
            # Blanks that a `-` took away stand between two words, and nothing else does.
            start = max(text.find(word, at), at)
            begin = max(text.rfind("\n", at, start) + 1, begin)
            found = _Word(line, start - begin + 1, sort, word, start)
            watch.see(found)
            yield found
            at = start + len(word)
            begin = max(start + word.rfind("\n") + 1, begin) if "\n" in word else begin
    except TemplateSyntaxError as error:
        _refuse(error, [])


def _plain(source: str) -> str:
    return source.replace("\r\n", "\n").replace("\r", "\n")


class _Watch:
    """What nests, counted word by word."""

    def __init__(self) -> None:
        self._words = 0
        self._open = 0
        self._blocks = 0
        self._signs = 0
        self._choices = 0
        self._is_head = False

    def see(self, word: _Word) -> None:
        place = word.line, word.column
        self._words += word.sort not in ("data", "whitespace", "comment")
        if self._words > MAX_WORDS:
            raise TemplateInvalid(f"the template has more than {MAX_WORDS} words", *place)
        match word.sort:
            case "operator":
                self._operator(word)
            case "name":
                self._name(word)
            case "string":
                self._string(word)
            case "block_begin" | "variable_begin":
                self._signs = self._choices = 0
                self._is_head = word.sort == "block_begin"
            case _:
                pass
        if word.sort not in ("operator", "name", "whitespace"):
            self._signs = 0
        self._is_head = self._is_head and word.sort in ("block_begin", "whitespace")

    def _operator(self, word: _Word) -> None:
        self._open += (word.text in "([{") - (word.text in ")]}")
        self._signs = self._signs + 1 if word.text in "+-" else 0
        self._judge(max(self._open, self._signs), word)

    def _name(self, word: _Word) -> None:
        if self._is_head:
            self._statement(word)
            return
        self._signs = self._signs + 1 if word.text == "not" else 0
        self._choices += word.text == "else"
        self._judge(max(self._signs, self._choices), word)

    def _statement(self, word: _Word) -> None:
        if word.text not in _STATEMENTS:
            hint = _INSTEAD.get(word.text, "")
            raise TemplateInvalid(
                f'"{word.text[:40]}" is not supported{hint}', word.line, word.column
            )
        self._blocks += (word.text in ("if", "for")) - (word.text in ("endif", "endfor"))
        self._judge(self._blocks, word)

    def _judge(self, depth: int, word: _Word) -> None:
        if depth > MAX_NESTING:
            raise TemplateInvalid(f"nested more than {MAX_NESTING} deep", word.line, word.column)

    def _string(self, word: _Word) -> None:
        # Python only warns of these today, and will refuse them one day: so they are refused now.
        at = word.text.find("\\")
        while at >= 0:
            if word.text[at + 1] not in _ESCAPES:
                reason = "a backslash begins no known escape; a backslash itself is written \\\\"
                raise TemplateInvalid(reason, word.line, word.column + at)
            at = word.text.find("\\", at + 2)


def _tags(source: str, words: list[_Word]) -> tuple[list[Tag], list[Tag]]:
    """Return the tags that print, and the heads of the statements."""
    text = _plain(source)
    outputs: list[Tag] = []
    heads: list[Tag] = []
    begun: _Word | None = None
    name = ""
    for word in words:
        if word.sort in ("variable_begin", "block_begin"):
            begun, name = word, ""
        elif word.sort == "name" and not name:
            name = word.text
        elif word.sort in ("variable_end", "block_end") and begun is not None:
            inside = text[begun.at : word.at + 2]
            shown = inside if len(inside) <= _SHOWN else f"{inside[: _SHOWN - 3]}..."
            tag = Tag(begun.line, begun.column, shown)
            if word.sort == "variable_end":
                outputs.append(tag)
            elif name in _HEADS:
                heads.append(tag)
            begun = None
    return outputs, heads
