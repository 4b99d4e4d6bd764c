"""When two values are equal: by kind and by content, in rules and in CEL alike.

Python's own `==` lost: it holds true to be 1, and costs what the larger value costs, unmetered.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, cast

Spend: TypeAlias = Callable[[int], None]


def same(left: Any, right: Any, spend: Spend) -> bool:  # noqa: ANN401 - JSON, and CEL's own kinds
    """Return whether both are equal: numbers by value, lists and objects by content."""
    spend(1)
    match left, right:
        case (bool(), _) | (_, bool()):
            return left is right
        case str(), str():
            spend(min(len(left), len(right)) >> 4)
            return left == right
        case list(), list():
            items, others = cast("list[Any]", left), cast("list[Any]", right)
            return len(items) == len(others) and all(
                same(a, b, spend) for a, b in zip(items, others, strict=True)
            )
        case dict(), dict():
            entries, rest = cast("dict[Any, Any]", left), cast("dict[Any, Any]", right)
            return entries.keys() == rest.keys() and all(
                same(value, rest[key], spend) for key, value in entries.items()
            )
        case ((int() | float()), (int() | float())):
            return left == right
        case _:
            return type(left) is type(right) and left == right
