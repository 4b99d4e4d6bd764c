"""Documents that are nearly right: valid ones with one to three things done to them.

What is wrong all over is refused at the door, and never reaches the code that trusts its
neighbours.  A mutant is a tree whose leaves may be `Raw`: text that no encoder would write, such as
`NaN`, half of a surrogate pair, or an alias of YAML.  Raw bytes alone, the rival, seldom come past
the first line; they are here too, as what a text may become at the end.
"""

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Final, TypeAlias, cast

from hypothesis import strategies as st

Path: TypeAlias = tuple[Any, ...]
Tree: TypeAlias = Any
"""Plain JSON, with `Raw` in it."""


class Raw(str):
    """Text that is written as it stands."""

    __slots__ = ()


def _deep(opening: str, closing: str, depth: int) -> Raw:
    return Raw(opening * depth + "1" + closing * depth)


TEXTS: Final = (
    *("", " ", "\x00", "\x1b[0m", "\x7f", "\n", "\r", "\t", "\u2028", "\ufeff", "\U0001f600"),
    *("é", "a/b", "../..", "%00", "' or 1=1 --", "<script>", "{{", "}}", "{%", "{{ x }}"),
    *("{{ x", "${x}", "{{ inputs.url }}", "{{ outputs.a }}", "{{ steps.a.output }}"),
    *("steps.a.status", "true", "1h", "PT1H", "P1Y", "-1s", "1e9h", "99999999999999h"),
    *("2026-03-29T02:30:00Z", "0001-01-01", "9999-12-31T23:59:59-14:00"),
    *("0001-01-01T00:00:00+14:00", "* * * * *", "0 0 31 2 *", "@daily", "Europe/Berlin"),
    *("../../etc/passwd", "http://[::1", "http://a:99999", "file:///etc/passwd", "a" * 65),
    *("a" * 5000, "(a+)+$", "\\", "^", "[", "(?P<a", "null", "~", "__class__", "constructor"),
)
NUMBERS: Final = (
    *(0, 1, -1, 2, 7, 0.1, -0.0, 1.5, 1e-320, 1e308, 2**31, 2**53 + 1, 2**63 - 1, 2**63),
    *(-(2**63), 2**64 - 1, 86_400_000),
)
ODD: Final = (
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "2" * 400, "0" * 9, "0x1F", "1_000"),
    *("-", '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"a', "'", "{", "[", "]", "}", ","),
    *(":", "tru", "1" * 5000, "!!binary aGk=", "!!python/object:os.system {}", "2026-01-01"),
    *("yes", ".inf", "~", "{<<: {a: 1}}", "{a: 1, a: 2}", "{[a]: b}", "{1: 2}", "? a"),
    *("*nothing", "&a [*a]", "<<", "%", "&a {b: &c [1, *a]}", "|\n  text\n", "--- a", "..."),
    *("#", "@", "`", "\t", "é\x85", "\ud800"),
)
SCALARS: Final = (
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.integers() | st.sampled_from(TEXTS)
)
DEEDS: Final = ("drop", "rename", "retype", "twice", "huge", "deep", "odd", "swap")
VALUES: Final = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(TEXTS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
HUGE: Final = (
    st.sampled_from([300, 3000]).map(lambda n: ["a"] * n)
    | st.sampled_from([300, 3000]).map(lambda n: {f"k{i}": i for i in range(n)})
    | st.sampled_from([1 << 12, 1 << 17]).map(lambda n: "x" * n)
    | st.sampled_from([1 << 12, 1 << 16]).map(lambda n: "{{ " + "1 + " * (n >> 2) + "1 }}")
)
DEEP: Final = st.sampled_from(
    [_deep(*pair, depth) for pair in (("[", "]"), ('{"a": ', "}")) for depth in (63, 130, 3000)]
)


def members(value: Tree) -> dict[Any, Tree]:
    """Return what is inside of a value, by key or index."""
    if isinstance(value, dict):
        return cast("dict[Any, Tree]", value)
    return dict(enumerate(cast("list[Tree]", value))) if isinstance(value, list) else {}


def places(value: Tree, path: Path = ()) -> Iterator[Path]:
    """Yield the path to everything inside of a value."""
    for key, inner in members(value).items():
        yield (*path, key)
        yield from places(inner, (*path, key))


def at(value: Tree, path: Path) -> Tree:
    """Return what stands at a path."""
    for key in path:
        value = value[key]
    return value


def written(value: Tree) -> str:
    """Return a tree as JSON, `Raw` as it stands."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        inner = cast("dict[str, Tree]", value).items()
        return "{" + ", ".join(f"{_name(key)}: {written(each)}" for key, each in inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, cast("list[Tree]", value))) + "]"
    return json.dumps(value, ensure_ascii=False)


def _name(key: str) -> str:
    return str(key) if isinstance(key, Raw) else json.dumps(key, ensure_ascii=False)


def mutated(draw: st.DrawFn, tree: Tree) -> None:
    """Do one thing to a place of a tree."""
    paths = list(places(tree))
    if not paths:
        return
    path = draw(st.sampled_from(paths))
    holder, key = at(tree, path[:-1]), path[-1]
    match draw(
        st.sampled_from(["drop", "rename", "retype", "twice", "huge", "deep", "odd", "swap"])
    ):
        case "drop":
            del holder[key]
        case "rename":
            _rename(draw, holder, key)
        case "retype":
            holder[key] = draw(VALUES)
        case "twice":
            _twice(draw, holder, key)
        case "huge":
            holder[key] = draw(HUGE)
        case "deep":
            holder[key] = draw(DEEP)
        case "odd":
            holder[key] = Raw(draw(st.sampled_from(ODD)))
        case _:
            holder[key] = deepcopy(at(tree, draw(st.sampled_from(paths))))


def _rename(draw: st.DrawFn, holder: Tree, key: Any) -> None:
    if isinstance(holder, dict):
        named = cast("dict[str, Tree]", holder)
        named[draw(st.sampled_from([*TEXTS, *named]))] = named.pop(key)
    else:
        holder.reverse()


def _twice(draw: st.DrawFn, holder: Tree, key: Any) -> None:
    """Have a member or an item twice, by itself or as an alias of YAML."""
    value = holder[key]
    if draw(st.booleans()):
        holder[key] = Raw("&twice " + written(value))
        value = Raw("*twice ")
    if isinstance(holder, dict):
        name = Raw(written(key)) if draw(st.booleans()) else f"{key}2"
        holder[name if isinstance(name, Raw) else str(name)] = value
    else:
        holder.append(value)


@st.composite
def mutants(draw: st.DrawFn, *documents: Tree) -> Tree:
    """Draw one of some documents with up to three things done to it."""
    tree = deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 2, 3]))):
        mutated(draw, tree)
    return tree


@st.composite
def texts(draw: st.DrawFn, documents: Sequence[Tree], written_out: Sequence[str] = ()) -> str:
    """Draw a text: a mutant, or a text of which pieces are taken away, doubled or put in."""
    if draw(st.integers(0, 3)):
        return written(draw(mutants(*documents)))
    text = draw(st.sampled_from([*map(written, documents), *written_out]))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 2, 8, 64])))
        pieces = st.sampled_from(["", text[start:end] * 2, *ODD, *TEXTS]) | st.text(max_size=3)
        text = text[:start] + draw(pieces) + text[end:]
    return text


def plain(tree: Tree) -> Tree:
    """Return a tree as a decoder of JSON gives it: without `Raw`, and no half of a character."""
    if isinstance(tree, Raw):
        return plain(str(tree))
    if isinstance(tree, str):
        return tree.encode("utf-8", "replace").decode("utf-8")
    if isinstance(tree, dict):
        whole = cast("dict[str, Tree]", tree)
        return {cast("str", plain(str(k))): plain(each) for k, each in whole.items()}
    return list(map(plain, cast("list[Tree]", tree))) if isinstance(tree, list) else tree
