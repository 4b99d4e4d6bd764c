"""A JSON value whose strings are templates: the shape stays, each string becomes what it says.

The languages differ in what one string means and in nothing else, so they share this walk: it
names the place of every string (`items[2].sku`), copies what it lays values into, and counts
what comes out.  Names of fields are no templates: a field that the data named could not be
checked beforehand.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from mainspring.domain.expression.errors import ExpressionTooLarge
from mainspring.domain.expression.values import MAX_OUTPUT, Path, Value

MAX_DEPTH: Final = 64
MAX_STEPS: Final = 100_000
MAX_WORDS: Final = 20_000


class Sheet:
    """What one compilation found out, and how many words of code it may still read."""

    __slots__ = ("_words", "names")

    def __init__(self, words: int = MAX_WORDS) -> None:
        self.names: set[Path] = set()
        self._words = words

    def read(self, words: int) -> None:
        """Pay for words that were read; raise `ExpressionTooLarge` when there were too many."""
        self._words -= words
        if self._words < 0:
            raise ExpressionTooLarge("the templates of one value have too many words")


class Room:
    """What one rendering may still write, and the steps that it may still take.

    `is_inner`: the value goes into another rendering and not out, so Jinja does not measure it.
    """

    __slots__ = ("is_inner", "left", "steps")

    def __init__(
        self, left: int = MAX_OUTPUT, steps: int = MAX_STEPS, *, is_inner: bool = False
    ) -> None:
        self.left = left
        self.steps = steps
        self.is_inner = is_inner

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise ExpressionTooLarge("the template takes too many steps")

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ExpressionTooLarge("the output is too large")


Build: TypeAlias = Callable[[Value, Room], Value]
Leaf: TypeAlias = Callable[[str, str], Build | None]
"""What a string at a place becomes; None when it means itself."""


def builder(
    template: Value,
    leaf: Leaf,
    place: str = "",
    *,
    depth: int = MAX_DEPTH,
    fresh: bool = False,
) -> Build | None:
    """Return what builds `template`, or None when it builds only itself.

    What is `fresh` shares no list and no object with the template: its taker may change it.
    Raises what `leaf` raises, and `ExpressionTooLarge` for a value that is nested too deeply.
    """
    if depth == 0:
        raise ExpressionTooLarge(f"{place}: nested more than {MAX_DEPTH} deep")
    below_it = partial(builder, depth=depth - 1, fresh=fresh)
    match template:
        case str():
            return leaf(template, place)
        case dict():
            below = {
                key: below_it(value, leaf, f"{place}.{key}" if place else key)
                for key, value in template.items()
            }
            return _object_builder(template, below, fresh=fresh)
        case list():
            items = [
                below_it(value, leaf, f"{place}[{index}]") for index, value in enumerate(template)
            ]
            return _list_builder(template, items, fresh=fresh)
        case _:
            return None


def _object_builder(
    template: dict[str, Value], below: dict[str, Build | None], *, fresh: bool
) -> Build | None:
    # The fields that change are laid over a copy of the rest, so order is kept.
    moving = [(key, build) for key, build in below.items() if build is not None]

    def build(context: Value, room: Room) -> Value:
        built = template.copy()
        for key, one in moving:
            built[key] = one(context, room)
        return built

    return build if moving or fresh else None


def _list_builder(template: list[Value], items: list[Build | None], *, fresh: bool) -> Build | None:
    moving = [(index, build) for index, build in enumerate(items) if build is not None]

    def build(context: Value, room: Room) -> Value:
        built = template.copy()
        for index, one in moving:
            built[index] = one(context, room)
        return built

    return build if moving or fresh else None
