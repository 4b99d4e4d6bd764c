"""Regular expressions that cannot run away: RE2, whose time is linear in the text.

CEL and the typed conditions both promise RE2, and patterns come from strangers.  Python's own
`re` backtracks, so a pattern of ten characters can hold a process for ever; looking for such
patterns beforehand refuses good ones and misses bad ones.  Linear still has a factor, the size
of the compiled program, so a caller charges `cost` before it asks `found`.
"""

from functools import lru_cache
from typing import Any, Final, Protocol

import re2

from mainspring.domain.expression.errors import ExpressionFailed

MAX_PATTERN: Final = 1000
MAX_MEMORY: Final = 1 << 20  # of one compiled pattern and its automaton
COMPILING: Final = 5_000
"""What compiling a pattern costs at worst, in steps; paid for each that only the data know."""

_re2: Any = re2  # it has no types


class _Compiled(Protocol):
    programsize: int

    def search(self, text: str) -> object | None: ...


class Pattern:
    """One compiled pattern; it is looked for anywhere in a text."""

    __slots__ = ("_size", "_wanted")

    def __init__(self, wanted: _Compiled) -> None:
        self._wanted = wanted
        self._size = wanted.programsize

    def cost(self, text: str) -> int:
        """Return the steps that `found` takes at worst; one is two or three microseconds."""
        length = len(text) if text.isascii() else 4 * len(text)
        return 1 + (self._size * length >> 8)

    def found(self, text: str) -> bool:
        """Return whether the pattern matches somewhere in `text`."""
        try:
            return self._wanted.search(text) is not None
        except UnicodeEncodeError:
            raise ExpressionFailed("a text to match holds half a character") from None


# Few are kept: each may hold `MAX_MEMORY`.
@lru_cache(maxsize=128)
def compile_pattern(text: str) -> Pattern:
    """Return the compiled pattern; raise `ExpressionFailed`, which does not quote it."""
    if len(text) > MAX_PATTERN:
        raise ExpressionFailed(f"a pattern has more than {MAX_PATTERN} characters")
    options = _re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return Pattern(_re2.compile(text, options))
    except _re2.error as error:
        reason = bytes(error.args[0]).decode(errors="replace").partition(":")[0]
        raise ExpressionFailed(f"not a regular expression: {reason}") from None
    except UnicodeEncodeError:
        raise ExpressionFailed("a pattern holds half a character") from None
