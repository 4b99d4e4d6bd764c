"""The forms of a CEL expression, as data.

What CEL nests to the left (`a + b + c`, `x.y.z`) or to the right (`p ? 1 : q ? 2 : 3`) is one
flat form here, so that the depth of a tree is the depth of its brackets, and a long expression
is no deep one.
"""

from typing import TypeAlias, Union

import msgspec


class Form(msgspec.Struct, frozen=True):
    """Base of every form."""


class Literal(Form, frozen=True):
    value: str | int | float | bool | None


class Name(Form, frozen=True):
    name: str


class Field(Form, frozen=True):
    """`.name` behind a value."""

    name: str


class Index(Form, frozen=True):
    """`[key]` behind a value."""

    key: "Node"


class Method(Form, frozen=True):
    """`.name(args)` behind a value."""

    name: str
    args: tuple["Node", ...]


class Matches(Form, frozen=True):
    """`.matches("...")` with a pattern that is known beforehand, and sound.

    It is a text here: compiled patterns are large, and few of them are kept.
    """

    pattern: str


class Loop(Form, frozen=True):
    """A macro over a list or over the keys of an object: all, exists, exists_one, filter, map."""

    macro: str
    variable: str
    body: "Node"
    condition: Union["Node", None] = None  # of `map` with three arguments


Link: TypeAlias = Field | Index | Method | Matches | Loop


class Chain(Form, frozen=True):
    """A value and what is asked of it, one after the other."""

    base: "Node"
    links: tuple[Link, ...]


class Has(Form, frozen=True):
    """Whether `base` holds a field."""

    base: "Node"
    field: str


class Call(Form, frozen=True):
    """A function that stands by itself."""

    name: str
    args: tuple["Node", ...]


class Default(Form, frozen=True):
    """A value, or another where it is null or not there."""

    value: "Node"
    fallback: "Node"


class ListOf(Form, frozen=True):
    items: tuple["Node", ...]


class ObjectOf(Form, frozen=True):
    pairs: tuple[tuple["Node", "Node"], ...]


class Unary(Form, frozen=True):
    """`!` or `-`, `count` times over."""

    operator: str
    count: int
    operand: "Node"


class Fold(Form, frozen=True):
    """Operators of one precedence, applied from the left."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


class Logic(Form, frozen=True):
    """`&&` or `||`: a part that decides wins over a part that fails, wherever they stand."""

    decider: bool  # the answer of one part that settles it: False for `&&`
    parts: tuple["Node", ...]


class Choice(Form, frozen=True):
    """`p ? a : q ? b : c` as cases and a last resort."""

    cases: tuple[tuple["Node", "Node"], ...]
    otherwise: "Node"


Node: TypeAlias = (
    Literal
    | Name
    | Chain
    | Has
    | Call
    | Default
    | ListOf
    | ObjectOf
    | Unary
    | Fold
    | Logic
    | Choice
)


def static_path(base: Node, links: tuple[Link, ...]) -> tuple[str, ...]:
    """Return the names that are written out from a name on; empty if it begins otherwise.

    A name of digits ends it, even in quotation marks: a list has no such name, but a selection
    of its items has.
    """
    path = [base.name] if isinstance(base, Name) else []
    for link in links if path else ():
        match link:
            case Field(name) | Index(Literal(str() as name)) if not name.isdigit():
                path.append(name)
            case _:
                break
    return tuple(path)
