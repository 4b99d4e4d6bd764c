"""The grammar of CEL, by hand: precedence climbing with one word of foresight.

A generated parser loses by its messages, and a recursive one without a bound by its stack: what
nests here is brackets and arguments alone, and they are counted.  Macros are known by name while
parsing, as the specification has it, and so are functions: a misspelt one is a fault of the text.
"""

from typing import Final

from mainspring.domain.expression.cel.functions import MACROS, call_fault
from mainspring.domain.expression.cel.tokens import LARGEST, Token, fault, tokens
from mainspring.domain.expression.cel.tree import (
    Call,
    Chain,
    Choice,
    Default,
    Field,
    Fold,
    Has,
    Index,
    Link,
    ListOf,
    Literal,
    Logic,
    Loop,
    Matches,
    Method,
    Name,
    Node,
    ObjectOf,
    Unary,
)
from mainspring.domain.expression.errors import CelInvalid, ExpressionFailed
from mainspring.domain.expression.pattern import compile_pattern

MAX_NESTING: Final = 24  # each level costs an evaluation up to 20 of Python's 1,000 frames
MAX_PATTERNS: Final = 10  # compiling the largest takes hundredths of a second

_LEVELS: Final = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_RESERVED: Final = {
    *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let"),
    *("loop", "package", "namespace", "return", "var", "void", "while"),
}


def parse(text: str) -> Node:
    """Return the tree of `text`; raise `CelInvalid` with a place and a reason."""
    parser = _Parser(text)
    tree = parser.expression()
    parser.end()
    return tree


class _Parser:
    """The words of one text, the next of them, and what was counted so far."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._depth = 0
        self._patterns = 0

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._fault(f"nested more than {MAX_NESTING} deep")
        tree = self._choice()
        self._depth -= 1
        return tree

    def end(self) -> None:
        if self._next.sort != "end":
            raise self._fault(f"expected an operator or the end, found {_shown(self._next)}")

    def _fault(self, reason: str, at: int | None = None) -> CelInvalid:
        return fault(self._text, self._next.at if at is None else at, reason)

    def _take(self) -> Token:
        taken = self._next
        self._next = next(self._tokens)
        return taken

    def _operator(self) -> str:
        sort, value, _ = self._next
        return str(value) if sort == "op" or (sort, value) == ("name", "in") else ""

    def _accept(self, operator: str) -> bool:
        found = self._operator() == operator
        if found:
            self._take()
        return found

    def _expect(self, operator: str) -> None:
        if not self._accept(operator):
            raise self._fault(f'expected "{operator}", found {_shown(self._next)}')

    def _choice(self) -> Node:
        cases: list[tuple[Node, Node]] = []
        tree = self._binary(1)
        while self._accept("?"):
            # Only what stands between `?` and `:` can nest without brackets.
            then = self.expression()
            self._expect(":")
            cases.append((tree, then))
            tree = self._binary(1)
        return Choice(tuple(cases), tree) if cases else tree

    def _binary(self, floor: int) -> Node:
        tree = self._unary()
        while (level := _LEVELS.get(self._operator(), 0)) >= floor:
            rest: list[tuple[str, Node]] = []
            while _LEVELS.get(operator := self._operator()) == level:
                self._take()
                rest.append((operator, self._binary(level + 1)))
            tree = _joined(level, tree, rest)
        return tree

    def _unary(self) -> Node:
        operator, count = self._operator(), 0
        if operator not in ("!", "-"):
            return self._within_range(self._chain())
        at = self._next.at
        while self._accept(operator):
            count += 1
        if self._operator() in ("!", "-"):
            raise self._fault(f"expected a value, found {_shown(self._next)}")
        if operator == "-" and count == 1 and self._next.sort in ("int", "double"):
            # The least whole number has no positive twin, so the sign belongs to the literal.
            value = self._take().value
            assert isinstance(value, int | float)  # noqa: S101
            return self._links(Literal(-value))
        operand = self._within_range(self._chain(), at)
        return Unary(operator, count, operand)

    def _within_range(self, tree: Node, at: int | None = None) -> Node:
        if isinstance(tree, Literal) and tree.value == LARGEST and isinstance(tree.value, int):
            raise self._fault("a whole number is out of range", at)
        return tree

    def _chain(self) -> Node:
        return self._links(self._primary())

    def _links(self, base: Node) -> Node:
        links: list[Link] = []
        while True:
            if self._accept("."):
                links.append(self._member())
            elif self._accept("["):
                links.append(Index(self.expression()))
                self._expect("]")
            else:
                return Chain(base, tuple(links)) if links else base

    def _member(self) -> Link:
        sort, value, at = self._next
        name = str(value)
        if sort not in ("name", "quoted"):
            raise self._fault(f"expected a name, found {_shown(self._next)}")
        self._take()
        if sort == "quoted" or not self._accept("("):
            return Field(name)
        args = self._arguments(")")
        if name in MACROS:
            return self._loop(name, args, at)
        if problem := call_fault(name, len(args), method=True):
            raise self._fault(problem, at)
        if name == "matches":
            return self._pattern(args[0], at) or Method(name, args)
        return Method(name, args)

    def _loop(self, name: str, args: tuple[Node, ...], at: int) -> Loop:
        most = 3 if name == "map" else 2
        if not 2 <= len(args) <= most:
            takes = "2 or 3" if most == 3 else "2"
            raise self._fault(f"{name} takes {takes} values, a name first, got {len(args)}", at)
        variable, *condition, body = args
        if not isinstance(variable, Name):
            raise self._fault(f"the first value of {name} is a name for the item", at)
        return Loop(name, variable.name, body, condition[0] if condition else None)

    def _pattern(self, arg: Node, at: int) -> Matches | None:
        if not isinstance(arg, Literal) or not isinstance(arg.value, str):
            return None
        self._patterns += 1
        if self._patterns > MAX_PATTERNS:
            raise self._fault(f"an expression has at most {MAX_PATTERNS} patterns", at)
        try:
            compile_pattern(arg.value)
        except ExpressionFailed as error:
            raise self._fault(str(error), at) from None
        return Matches(arg.value)

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._accept(closing):
            items.append(self.expression())
            if not self._accept(","):
                self._expect(closing)
                break
            if closing == ")" and self._operator() == ")":
                raise self._fault('expected a value, found ")"')
        return tuple(items)

    def _primary(self) -> Node:
        sort, value, at = self._next
        if sort == "name":
            return self._named(str(value), at)
        if sort in ("int", "double", "string"):
            self._take()
            return Literal(value)
        if self._accept("("):
            tree = self.expression()
            self._expect(")")
            return tree
        if self._accept("["):
            return ListOf(self._arguments("]"))
        if self._accept("{"):
            return self._object()
        raise self._fault(f"expected a value, found {_shown(self._next)}")

    def _object(self) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while not self._accept("}"):
            key = self.expression()
            self._expect(":")
            pairs.append((key, self.expression()))
            if not self._accept(","):
                self._expect("}")
                break
        return ObjectOf(tuple(pairs))

    def _named(self, name: str, at: int) -> Node:
        if name in _RESERVED:
            raise self._fault(f'"{name}" is a word of the language; a value was expected', at)
        self._take()
        if name in _CONSTANTS:
            return Literal(_CONSTANTS[name])
        if not self._accept("("):
            return Name(name)
        args = self._arguments(")")
        if name == "has":
            return self._has(args, at)
        if name == "default":
            return self._default(args, at)
        if problem := call_fault(name, len(args), method=False):
            raise self._fault(problem, at)
        fixed = self._pattern(args[1], at) if name == "matches" else None
        return Chain(args[0], (fixed,)) if fixed else Call(name, args)

    def _default(self, args: tuple[Node, ...], at: int) -> Default:
        if len(args) != 2:
            raise self._fault(f"default takes 2 values, got {len(args)}", at)
        return Default(*args)

    def _has(self, args: tuple[Node, ...], at: int) -> Has:
        match args:
            case (Chain(base, links),) if isinstance(links[-1], Field):
                before = links[:-1]
                return Has(Chain(base, before) if before else base, links[-1].name)
            case (Chain(_, links),) if isinstance(links[-1], Index):
                raise self._fault("has takes a field such as has(a.b); of a key, ask: key in a", at)
            case _:
                raise self._fault("has takes one field, such as has(a.b)", at)


def _joined(level: int, first: Node, rest: list[tuple[str, Node]]) -> Node:
    if level > 2:
        return Fold(first, tuple(rest))
    return Logic(level == 1, (first, *(part for _, part in rest)))


def _shown(token: Token) -> str:
    if token.sort == "end":
        return "the end"
    return "a text" if token.sort == "string" else f'"{str(token.value)[:40]}"'
