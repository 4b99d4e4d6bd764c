"""What a CEL expression may read, found without any data.

`steps.a.output.x` and `steps["a"].output["x"]` read one path.  A computed key, and a number,
reads everything above it: a selection keeps the items of a list in an object, where a number
is no key.  `has(a.b)` reads the whole of `a`, so that "not there" and "nothing to look in" stay
what they are.  Names of macros are their own and read nothing.
"""

from collections.abc import Iterator
from itertools import chain

from mainspring.domain.expression.cel.kinds import KINDS
from mainspring.domain.expression.cel.tree import (
    Call,
    Chain,
    Choice,
    Default,
    Fold,
    Has,
    Index,
    Link,
    ListOf,
    Logic,
    Loop,
    Method,
    Name,
    Node,
    ObjectOf,
    Unary,
    static_path,
)
from mainspring.domain.expression.values import Path


def reads(node: Node, bound: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Yield every path that `node` may read; `bound` are the names that macros gave."""
    match node:
        case Name(name):
            yield from _unless_bound((name,), bound)
        case Chain(base, links):
            yield from _of_chain(base, links, bound)
        case Has(base, _):
            yield from reads(base, bound)
        case _:
            for below in _below(node):
                yield from reads(below, bound)


def _of_chain(base: Node, links: tuple[Link, ...], bound: frozenset[str]) -> Iterator[Path]:
    path = static_path(base, links)
    if path:
        yield from _unless_bound(path, bound)
    else:
        yield from reads(base, bound)
    for link in links:
        yield from _of_link(link, bound)


def _unless_bound(path: Path, bound: frozenset[str]) -> Iterator[Path]:
    if path[0] not in bound and path[0] not in KINDS:
        yield path


def _of_link(link: Link, bound: frozenset[str]) -> Iterator[Path]:
    match link:
        case Index(key):
            yield from reads(key, bound)
        case Method(_, args):
            yield from chain.from_iterable(reads(arg, bound) for arg in args)
        case Loop(_, variable, body, condition):
            inner = bound | {variable}
            yield from reads(body, inner)
            if condition is not None:
                yield from reads(condition, inner)
        case _:
            return


def _below(node: Node) -> Iterator[Node]:
    match node:
        case Call(_, nodes) | ListOf(nodes) | Logic(_, nodes):
            yield from nodes
        case ObjectOf(pairs):
            yield from chain.from_iterable(pairs)
        case Choice(cases, otherwise):
            yield from chain.from_iterable(cases)
            yield otherwise
        case Default(value, fallback):
            yield value
            yield fallback
        case Unary(_, _, operand):
            yield operand
        case Fold(first, rest):
            yield first
            yield from (operand for _, operand in rest)
        case _:
            return
