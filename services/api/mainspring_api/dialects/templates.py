"""Walks templates and tells a dialect each name that they read, with the place where it stands.

What a name may be is the dialect's to judge; what can be wrong with a template is the same for all.
Inside a section a name may belong to the section's item: such a name is told as not ours, so that a
dialect can let a plain word pass and still judge the names that are its own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias, cast

from mainspring.domain.expression import (
    ROOT,
    ExpressionError,
    Path,
    compile_body,
    compile_text,
)
from mainspring.domain.expression.tags import Nodes, Section
from mainspring.domain.expression.tags import parse as parse_tags
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item, shown

MOST_DEPTH: Final = 64
Tree: TypeAlias = Mapping[str, "Tree | None"]
"""What stands below a name; None: anything."""

Judge: TypeAlias = Callable[[Path, bool, str], None]
"""Takes a path, whether it surely is not a section's item, and the place of its template."""


def check_text(template: str, place: str, faults: Faults, judge: Judge) -> None:
    """Note what is wrong with a template of one text."""
    if "{{" not in template:
        return
    try:
        compile_text(template)
    except ExpressionError as error:
        faults.add(place, str(error))
    else:
        _tell(template, place, judge)


def check_body(body: Json, place: str, faults: Faults, judge: Judge) -> None:
    """Note what is wrong with the templates of a body, each at the place where it stands."""
    if not isinstance(body, str):
        check_value(body, place, faults, judge)
        return
    if "{{" not in body:
        return
    try:
        compile_body(body)
    except ExpressionError as error:
        faults.add(place, str(error))
    else:
        _tell(body, place, judge)


def check_value(
    value: Json, place: str, faults: Faults, judge: Judge, depth: int = MOST_DEPTH
) -> None:
    """Note what is wrong with the strings in a JSON value, each of which is a template."""
    if depth == 0:
        faults.add(place, f"is nested more than {MOST_DEPTH} deep")
    elif isinstance(value, str):
        check_text(value, place, faults, judge)
    elif isinstance(value, dict):
        for key, each in cast("dict[str, Json]", value).items():
            check_value(each, below(place, key), faults, judge, depth - 1)
    elif isinstance(value, list):
        for index, each in enumerate(cast("list[Json]", value)):
            check_value(each, item(place, index), faults, judge, depth - 1)


def check_below(path: Path, tree: Tree | None, at: int, place: str, faults: Faults) -> None:
    """Follow a path down what there is, from its part at `at`."""
    for index in range(at, len(path)):
        if tree is None:
            return
        name, above = path[index], dotted(path[:index])
        if name not in tree:
            what = f'"{above}" has no "{shown(name)}"'
            faults.add(place, what + (faults.hint(name, tree) if tree else ""))
            return
        tree = tree[name]
        if name == "headers" and tree is None and index + 1 < len(path):
            _check_header(path[index + 1], place, faults)


def dotted(path: Path) -> str:
    """Return a path as a message may repeat it."""
    return shown(".".join(path))


def _tell(template: str, place: str, judge: Judge) -> None:
    for path, is_ours in sorted(_named(parse_tags(template), inside=False)):
        judge(path, is_ours, place)


def _named(nodes: Nodes, *, inside: bool) -> Iterable[tuple[Path, bool]]:
    """Yield the paths of a template; the flag is False where a section's item may have them."""
    for node in nodes:
        if isinstance(node, str):
            continue
        if node.path != ROOT or not inside:
            yield node.path, not inside
        if isinstance(node, Section):
            yield from _named(node.body, inside=inside or not node.is_inverted)


def _check_header(name: str, place: str, faults: Faults) -> None:
    if name != name.lower():
        faults.add(
            place, f'headers have lower-case names: "{shown(name)}" is "{shown(name.lower())}"'
        )
