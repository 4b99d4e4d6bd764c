"""Where in a JSON value: a JSON Pointer (`/items/0/sku`) or dots (`items[0].sku`, `items.0.sku`).

A path that begins with a slash is a pointer, so a name with a dot in it can be reached too.  Where
an expression may stand in its place (`picks`), a path is what `is_path` says.
"""

import re
from typing import Final

from mainspring.domain.expression.values import MISSING, Missing, Path, Value, follow
from mainspring.domain.message import Json
from mainspring_plugins.support.failures import bad

_DOTTED: Final = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d{1,9})\]")
_PLAIN: Final = re.compile(r"[\w$@#][\w$@#-]*(?:\.[\w$@#][\w$@#-]*|\[\d{1,9}\])*")
ROOTS: Final = frozenset({"item", "index", "acc"})
"""What an expression over an item begins with; no path does."""
__all__ = ["MISSING", "Missing", "Path", "is_path", "parts", "pointer", "read"]


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


def is_path(text: str) -> bool:
    """Tell whether a text is a path within an item and no expression."""
    if text.startswith("/"):
        return True
    return _PLAIN.fullmatch(text) is not None and re.split(r"[.\[]", text)[0] not in ROOTS


def pointer(names: Path) -> str:
    """Return the JSON Pointer of names."""
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def read(value: Json, path: str, place: str = "path") -> Value | Missing:
    """Return what stands at a path, or `MISSING`."""
    return follow(value, parts(path, place))
