"""Where a fault of JSON Schema lies: keys such as `"10"` and `"007"` are told as numbers.

So its path alone does not lead to what it judged; followed through the value itself, it does.
"""

from collections.abc import Sequence
from typing import cast

from mainspring.domain.message import Json
from mainspring.http.faults import below, item


def followed(value: Json, path: Sequence[str | int]) -> tuple[tuple[str | int, ...], Json]:
    """Return a path with the keys that the value has, and what stands there.

    What the path does not lead to (it leaves out empty keys) is None.
    """
    found: list[str | int] = []
    for part in path:
        if isinstance(value, dict):
            members = cast("dict[str, Json]", value)
            found.append(part if isinstance(part, str) else _key(members, part))
            value = members.get(str(found[-1]))
        else:
            found.append(part)
            value = _item(value, part)
    return tuple(found), value


def placed(place: str, at: Sequence[str | int]) -> str:
    """Return the place of something inside of a value."""
    for part in at:
        place = item(place, part) if isinstance(part, int) else below(place, part)
    return place


def _key(members: dict[str, Json], number: int) -> str:
    """Return the key that was taken for a number: first of all the plain one."""
    plain = str(number)
    if plain in members:
        return plain
    spelt = (key for key in members if key.removeprefix("+").lstrip("0") == plain.lstrip("0"))
    return next(spelt, plain)


def _item(value: Json, part: str | int) -> Json:
    if not isinstance(value, list) or isinstance(part, str):
        return None
    items = cast("list[Json]", value)
    return items[part] if part < len(items) else None
