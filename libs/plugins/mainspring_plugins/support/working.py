"""How a plain function becomes a plugin's `run`.

Small work is done in place.  What can take long by its input alone (a pattern, an expression, a
filter, an archive), and any work on bulky data, is done in a helper process that has an end.
All failures are `PluginFailed` and final: the same input would fail again.
"""

from collections.abc import Callable, Coroutine
from typing import Final, TypeAlias

import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import Context
from mainspring_plugins.support.failures import refuse

Work: TypeAlias = Callable[[dict[str, Json]], dict[str, Json]]
Run: TypeAlias = Callable[[dict[str, Json], Context], Coroutine[None, None, dict[str, Json]]]

BULKY: Final = 200_000  # bytes of JSON
TOO_DEEP: Final = "the data are nested too deeply"


def in_place(work: Work, *, apart_when: Callable[[dict[str, Json]], bool] | None = None) -> Run:
    """Return a run that works in place, or apart where the data are bulky or `apart_when` says."""

    async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
        if bulky(given) or (apart_when is not None and apart_when(given)):
            return await context.bounded(guarded, work, given)
        return guarded(work, given)

    return run


def apart(work: Work, *, seconds: float = 10) -> Run:
    """Return a run that works in a helper process; `timeout` of the input may shorten its time."""

    async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
        most = min(float(given.get("timeout", seconds)), context.timeout)
        return await context.bounded(guarded, work, given, seconds=most)

    return run


def guarded(work: Work, given: dict[str, Json]) -> dict[str, Json]:
    """Do the work; raise `PluginFailed` where the data are nested too deeply for it."""
    try:
        return work(given)
    except RecursionError:
        raise refuse(TOO_DEEP) from None


def bulky(given: dict[str, Json]) -> bool:
    """Tell whether work on these data would hold up everything else for long."""
    try:
        return len(msgspec.json.encode(given)) > BULKY
    except (RecursionError, msgspec.MsgspecError, UnicodeEncodeError):
        return True
