"""Which entries of the audit log are asked for, and finding a page of them.

Types and actors are filtered by the log, the rest here, in batches from the newest on: what is
looked at for one page is bounded.  A page that came to its bound is short, and its cursor goes on
from there, so that a filter which fits nothing costs no walk through years.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from mainspring.domain.envelope import Envelope
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.upcast import TYPES as EVENTS
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import as_of
from mainspring.ports import EventLog
from mainspring_api.dialects.audit.actions import ACTIONS, TYPES

AT_ONCE: Final = 500
MOST_LOOKED_AT: Final = 10_000
RESOURCES: Final = tuple(
    category for category, types in EVENTS.items() if not ACTIONS.keys().isdisjoint(types)
)


class Wanted(NamedTuple):
    """What a list is narrowed to."""

    types: tuple[str, ...]
    actor: str | None = None
    resource: str | None = None
    request: str | None = None
    since: float | None = None
    until: float | None = None

    @property
    def is_of_the_log(self) -> bool:
        """Say whether the log alone finds all that is wanted."""
        return (self.resource, self.request, self.since, self.until) == (None,) * 4

    def lets(self, envelope: Envelope) -> bool:
        """Say whether an event is one of those that are asked for."""
        return (
            self.resource in (None, envelope.stream.id)
            and self.request in (None, envelope.meta.request_id)
            and (self.since is None or envelope.recorded_at >= self.since)
            and (self.until is None or envelope.recorded_at <= self.until)
        )


class Found(NamedTuple):
    """A page of events, and the position that the next one goes on from; None when it is all."""

    events: list[Envelope]
    after: int | None


def wanted_in(query: Mapping[str, str]) -> Wanted:
    """Return what is asked for; raise `DefinitionInvalid` with all that is wrong with it."""
    faults = Faults()
    types = _types(query, faults)
    since, until = _instant(query, "from", faults), _instant(query, "to", faults)
    faults.check()
    return Wanted(
        types,
        query.get("actor"),
        query.get("resourceId"),
        query.get("requestId"),
        # As it is shown, an instant is cut to its millisecond.
        None if since is None else int(since * 1000) / 1000,
        until,
    )


def _types(query: Mapping[str, str], faults: Faults) -> tuple[str, ...]:
    words = frozenset(filter(None, (part.strip() for part in query.get("action", "").split(","))))
    for word in sorted(words - TYPES.keys()):
        faults.add("action", f'"{shown(word)}" is no action{faults.hint(word, TYPES)}')
    named = [name for word in sorted(words) for name in TYPES.get(word, ())] or list(ACTIONS)
    category = query.get("resourceType")
    if category is None:
        return tuple(named)
    if category not in RESOURCES:
        hint = faults.hint(category, RESOURCES)
        faults.add("resourceType", f'"{shown(category)}" is no type of resource{hint}')
    return tuple(name for name in named if name in EVENTS.get(category, ()))


def _instant(query: Mapping[str, str], name: str, faults: Faults) -> float | None:
    text = query.get(name)
    try:
        at = None if text is None else as_of(text)
    except DefinitionInvalid:
        at = 0
    if isinstance(at, int):
        faults.add(name, "must be an instant with its zone")
        return None
    return at


async def page_of(
    log: EventLog, project: str, wanted: Wanted, *, before: int | None, limit: int
) -> Found:
    """Return the newest events below a position that are wanted."""
    found: list[Envelope] = []
    size = limit + 1 if wanted.is_of_the_log else max(limit + 1, AT_ONCE)
    for _ in range(MOST_LOOKED_AT // size + 1):
        some = await log.read_newest(
            project, types=wanted.types, before=before, actor=wanted.actor, limit=size
        )
        found += [each for each in some if wanted.lets(each)]
        if len(found) > limit:
            return Found(found[:limit], found[limit - 1].position)
        if len(some) < size or _is_past(some, wanted):
            return Found(found, None)
        before = some[-1].position
    return Found(found, before)


def _is_past(some: list[Envelope], wanted: Wanted) -> bool:
    """Say whether all older events are too old: instants rise with positions, but for a clock."""
    since = wanted.since
    return since is not None and all(each.recorded_at < since for each in some)
