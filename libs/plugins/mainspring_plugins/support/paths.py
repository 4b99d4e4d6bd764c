"""Where in a JSON value: a JSON Pointer (`/items/0/sku`) or dots (`items[0].sku`, `items.0.sku`).

A path that begins with a slash is a pointer, so a name with a dot in it can be reached too.
"""

import re
from typing import Final

from mainspring.domain.expression.values import MISSING, Missing, Path, Value, follow
from mainspring.domain.message import Json
from mainspring_plugins.support.asked import bad

_DOTTED: Final = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d{1,9})\]")
__all__ = ["MISSING", "Missing", "Path", "parts", "pointer", "read"]


def parts(path: str, place: str = "path") -> Path:
    """Return the names along a path; raise a final `PluginFailed` for what is no path."""
    if path.startswith("/"):
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/"))
    found: list[str] = []
    end = 0
    for match in _DOTTED.finditer(path):
        if match.start() != end:
            break
        found.append(match[1] or match[2])
        end = match.end()
    if end != len(path):
        raise bad(place, f"is no path at character {end + 1}")
    return tuple(found)


def pointer(names: Path) -> str:
    """Return the JSON Pointer of names."""
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def read(value: Json, path: str, place: str = "path") -> Value | Missing:
    """Return what stands at a path, or `MISSING`."""
    return follow(value, parts(path, place))
