"""Names, keys and slices: a name after a dot is a key of an object, and never an attribute.

As far as a chain of names is known beforehand it is one path, which the template is said to read.
"""

from typing import TypeAlias

from jinja2 import nodes

from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jinja.compile import Bound, Compiler
from mainspring.domain.expression.jinja.run import Absent, Eval, Run, Scope, Soft, bounded
from mainspring.domain.expression.values import Value, kind

Link: TypeAlias = str | nodes.Expr


def read_name(c: Compiler, node: nodes.Name, bound: Bound) -> Soft:
    """Return what reads a name."""
    return _way(c, c.name(node.name), (), bound)


def _way(c: Compiler, root: str, path: tuple[str, ...], bound: Bound) -> Soft:
    """Return what follows the names of a path that is known beforehand."""
    if root not in bound:
        if root == "kv":
            c.fail('kv is a function: it is written kv("...")')
        c.names.add((root, *path))
    why = f"{'.'.join((root, *path))[:200]} is not there"

    def follow(run: Run, scope: Scope) -> Value | Absent:
        place = scope if root in scope else run.roots
        if root not in place:
            return Absent(why)
        value = place[root]
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return Absent(why)
            value = value[name]
        return value

    return follow


def read_chain(c: Compiler, node: nodes.Getattr | nodes.Getitem, bound: Bound) -> Soft:
    """Return what reads a chain of names and keys: as far as it is known, as one path."""
    base, links = _chain(node)
    path: list[str] = []
    if isinstance(base, nodes.Name):
        while links and isinstance(links[0], str) and not links[0].isdigit():
            path.append(_key(c, links.pop(0)))
        begin = _way(c, c.name(base.name), tuple(path), bound)
    else:
        begin = c.soft(base, bound)
    for link in links:
        c.cost += 1
        begin = _behind(c, begin, link, bound)
    return begin


def _key(c: Compiler, link: Link) -> str:
    key = str(link)
    if key.startswith("__"):
        c.fail(f'a name cannot begin with "__": "{key[:40]}"')
    return key


def _chain(node: nodes.Expr) -> tuple[nodes.Expr, list[Link]]:
    links: list[str | nodes.Expr] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getattr):
            links.append(node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            links.append(node.arg.value)
        else:
            links.append(node.arg)
        node = node.node
    return node, links[::-1]


def _behind(c: Compiler, before: Soft, link: Link, bound: Bound) -> Soft:
    if isinstance(link, nodes.Slice):
        return _sliced(c, before, link, bound)
    if isinstance(link, str):
        name = _key(c, link)
        known: Eval = lambda _run, _scope: name  # noqa: E731
        why = f'there is no "{name[:40]}"'
    else:
        known, why = c.value(link, bound), "there is nothing at a computed key"

    def follow(run: Run, scope: Scope) -> Value | Absent:
        value = before(run, scope)
        return value if isinstance(value, Absent) else _item(value, known(run, scope), why)

    return follow


def _item(value: Value, key: Value, why: str) -> Value | Absent:
    match value, key:
        case dict(), str() if key in value:
            return value[key]
        case dict(), int() if not isinstance(key, bool) and str(key)[:20] in value:
            return value[str(key)[:20]]
        case ((list() | str()), int()) if not isinstance(key, bool) and -len(value) <= key < len(
            value
        ):
            return value[key]
        case _:
            return Absent(why)


def _sliced(c: Compiler, before: Soft, node: nodes.Slice, bound: Bound) -> Soft:
    ends = [None if e is None else c.value(e, bound) for e in (node.start, node.stop, node.step)]

    def follow(run: Run, scope: Scope) -> Value | Absent:
        value = before(run, scope)
        if isinstance(value, Absent):
            return value
        if not isinstance(value, str | list):
            raise ExpressionFailed(f"{kind(value)} has no slices")
        found = [None if end is None else end(run, scope) for end in ends]
        places = [None if e is None else bounded(e, "slice", 1 << 40) for e in found]
        if places[2] == 0:
            raise ExpressionFailed("slice: the step is zero")
        run.spend(1 + (len(value) >> (6 if isinstance(value, str) else 2)))
        return value[slice(*places)]

    return follow
