"""Which names files in archives may have."""

import re
from typing import Final

from mainspring_plugins.support.failures import refuse

STRANGE: Final = re.compile("[\\\\\x00-\x1f\x7f\ud800-\udfff]")
DRIVE: Final = re.compile(r"[A-Za-z]:")
MOST: Final = 1_000


def check_name(name: str, place: str, seen: set[str]) -> None:
    """Raise `PluginFailed` for a name that could lead out of a folder, or that is there twice."""
    if not name or len(name) > MOST:
        raise refuse(f"{place}: a name has 1 to {MOST} characters")
    shown = repr(name[:100])
    if name.startswith("/") or DRIVE.match(name) or STRANGE.search(name):
        raise refuse(f"{place}: {shown} is not a relative name with / between folders")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise refuse(f"{place}: {shown} has an empty part, or one that leads elsewhere")
    if name in seen:
        raise refuse(f"{place}: {shown} is there twice")
    seen.add(name)
