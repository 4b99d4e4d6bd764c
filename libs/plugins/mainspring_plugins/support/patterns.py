"""Regular expressions that cannot run away: RE2, with the flags and the templates of Python.

RE2 matches in time linear in the text, and it has no look-around and no back-references; a pattern
that asks for them, or that would become too large, is refused with RE2's own words.
"""

import re
from typing import Any, Final, TypeAlias, cast

import re2

from mainspring_plugins.support.failures import refuse

Found: TypeAlias = Any  # a match; the package has no types
_RE2: Final = cast("Any", re2)
FLAGS: Final = "^[ims]*$"
_PIECE: Final = re.compile(r"\\(?:([0-9]{1,2})|g<([A-Za-z_0-9]{1,100})>|(.)|$)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def compiled(pattern: str, flags: str = "", place: str = "pattern") -> Any:  # noqa: ANN401
    """Return a compiled pattern; raise `PluginFailed` where it is none."""
    options = _RE2.Options()
    options.log_errors = False
    letters = "".join(sorted(set(flags)))
    try:
        return _RE2.compile(f"(?{letters}){pattern}" if letters else pattern, options)
    except _RE2.error as error:
        said = error.args[0] if error.args else "invalid"
        raise refuse(f"{place}: {_plain(said)}") from None
    except UnicodeEncodeError:
        raise refuse(f"{place}: it holds half a character") from None


def _plain(said: object) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def template(
    replacement: str,
    pattern: Any,  # noqa: ANN401
    place: str = "replacement",
) -> list[str | int]:
    r"""Return a template's parts, texts and numbers of groups.

    `\1` and `\g<name>` stand for groups, `\n`, `\r`, `\t` and `\\` for what they do elsewhere;
    raises `PluginFailed` for anything else behind a backslash, and for a group that is not there.
    """
    parts: list[str | int] = []
    end = 0
    for piece in _PIECE.finditer(replacement):
        parts.append(replacement[end : piece.start()])
        parts.append(_part(piece, pattern, place))
        end = piece.end()
    return [*parts, replacement[end:]]


def _part(piece: re.Match[str], pattern: Any, place: str) -> str | int:  # noqa: ANN401
    number, name, letter = piece.groups()
    place = f"{place}: character {piece.start() + 1}"
    if letter is not None and letter in _ESCAPES:
        return _ESCAPES[letter]
    group = number or name
    if group is None:
        raise refuse(f"{place}: {piece[0]} stands for nothing")
    index = int(group) if group.isdigit() else pattern.groupindex.get(group)
    if index is None or index > pattern.groups:
        raise refuse(f"{place}: the pattern has no group {group}")
    return index


def filled(parts: list[str | int], match: Found) -> str:
    """Return a template with the groups of a match; a group that took no part is empty."""
    return "".join(part if isinstance(part, str) else match.group(part) or "" for part in parts)
