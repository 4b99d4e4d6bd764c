"""The append statement without the parts that a batch has no rows for.

Starting the executor on a table costs as much as writing a row to it, and a one-step run touches
half of the views.  So `append.sql` is kept whole, to be read and explained, and what runs is cut
from it: the CTEs of the views that a batch writes to, their parameters numbered anew.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from mainspring.store.statements import SQL

_CTE: Final = re.compile(r"^(?:with )?(\w+) as (?:materialized )?\($", re.MULTILINE)
_PARAMETER: Final = re.compile(r"\$(\d+)")


def _parts(sql: str) -> tuple[dict[str, str], str]:
    """Return the CTEs by name, and the select behind them."""
    body, _, select = sql.rpartition("\n)\n")
    starts = [*_CTE.finditer(body)]
    ends = [*(match.start() for match in starts[1:]), len(body)]
    texts = [body[match.start() : end] for match, end in zip(starts, ends, strict=True)]
    bare = [text.removeprefix("with ").rstrip().removesuffix("),").rstrip() for text in texts]
    return {match[1]: text for match, text in zip(starts, bare, strict=True)}, select


_CTES, _SELECT = _parts(SQL["append"])


@cache
def append_for(views: frozenset[str], optional: tuple[str, ...]) -> str:
    """Return the append statement with only `views` of the `optional` CTEs.

    Raises LookupError when the statement has no such CTE.
    """
    if missing := set(optional) - set(_CTES):
        raise LookupError(f"append.sql has no part for {', '.join(sorted(missing))}")
    kept = [text for name, text in _CTES.items() if name in views or name not in optional]
    return _renumbered("with " + "\n),\n".join(kept) + "\n)\n" + _SELECT)


def _renumbered(sql: str) -> str:
    """Return a statement whose parameters are numbered from 1 without a gap, in their order."""
    numbers = sorted(set(_numbers(sql)))
    new = {old: place for place, old in enumerate(numbers, start=1)}
    return _PARAMETER.sub(lambda found: f"${new[int(found[1])]}", sql)


def _numbers(sql: str) -> Iterable[int]:
    return (int(found) for found in _PARAMETER.findall(sql))
