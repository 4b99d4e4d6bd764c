"""The key-value store's commands: set, remove, add to; each durable when it returns.

The present value is read from the log's own stream and not from a view, so two writers of one key
go one after the other whatever they saw before; a condition on the version is judged at the append.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeAlias, cast

from mainspring.domain.envelope import EMPTY, Head, Meta, head_of, seal
from mainspring.domain.errors import (
    AlreadyExists,
    DefinitionInvalid,
    NotFound,
    NotPresent,
    Rejected,
    VersionConflict,
)
from mainspring.domain.kv import LONGEST_KEY, Event, ValueRemoved, ValueSet, key_stream
from mainspring.domain.message import Json
from mainspring.domain.rows import KeyValueRow
from mainspring.domain.upcast import event_in
from mainspring.plugin import PluginFailed
from mainspring.ports import Append, Appended, KeyValueDetail
from mainspring.runtime.engine import Engine
from mainspring.store.views import project_kv

TRIES: Final = 20
LONGEST_TTL_S: Final = 100 * 365 * 86400.0


class Wanted(NamedTuple):
    """What has to hold for a change: a version, or that there is no value yet."""

    version: int | None = None
    absent: bool = False
    present: bool = False


class Present(NamedTuple):
    """Where a key stands: its row, if it has a value that counts, and the end of its stream."""

    row: KeyValueRow | None
    value: Json
    head: Head
    before: KeyValueRow | None


Change: TypeAlias = Callable[[float, Present], Event]


class Values:
    """The keys of all projects."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, project: str, key: str) -> KeyValueDetail | None:
        """Return the value of a key; None when it has none, or one that has expired."""
        return await self._engine.views.kv_get(project, key, now=self._engine.clock.now())

    async def keys(
        self,
        project: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int = 50,
        values: bool = False,
    ) -> list[KeyValueDetail]:
        """Return a project's keys in order, those behind `after`, with their values if wanted."""
        now = self._engine.clock.now()
        return await self._engine.views.kv_keys(
            project, now=now, prefix=prefix, after=after, limit=limit, values=values
        )

    async def set(
        self,
        project: str,
        key: str,
        value: Json,
        *,
        ttl: float | None = None,
        wanted: Wanted = Wanted(),  # noqa: B008 - a frozen value
        meta: Meta,
    ) -> tuple[KeyValueRow, bool]:
        """Set a value; return its row, and whether the key had none before.

        Raises `NotPresent` and `AlreadyExists` when what is wanted does not hold.
        """
        _check(key, ttl)

        def change(now: float, present: Present) -> Event:
            expires = None if ttl is None else now + ttl
            fresh = present.row is None
            return self._set(key, value, fresh, expires, now)

        present, row = await self._change(project, key, change, wanted, meta)
        assert row is not None, "a value that was set has a row"  # noqa: S101
        return row, present.row is None

    async def remove(
        self,
        project: str,
        key: str,
        *,
        wanted: Wanted = Wanted(),  # noqa: B008 - a frozen value
        meta: Meta,
    ) -> bool:
        """Remove a value; False when there is none.  Raises `NotPresent`."""
        try:
            wanted = wanted._replace(present=True)
            await self._change(
                project, key, lambda now, _: ValueRemoved(key=key, at=now), wanted, meta
            )
        except NotFound:
            return False
        return True

    async def add(self, project: str, key: str, by: float, *, meta: Meta) -> float:
        """Add to a number, 0 where there is none, and return the sum.  Raises `Rejected`."""
        sums: list[float] = []

        def change(now: float, present: Present) -> Event:
            old = 0 if present.row is None else present.value
            if isinstance(old, bool) or not isinstance(old, int | float):
                raise Rejected(f"the value of {key!r} is no number")
            sums.append(old + by)
            expires = present.row.expires_at if present.row else None
            fresh = present.row is None
            return self._set(key, old + by, fresh, expires, now)

        await self._change(project, key, change, Wanted(), meta)
        return sums[-1]

    def _set(
        self, key: str, value: Json, fresh: bool, expires_at: float | None, now: float
    ) -> ValueSet:
        nonce = self._engine.chance.seed()
        return ValueSet(
            key=key, value=value, fresh=fresh, nonce=nonce, expires_at=expires_at, at=now
        )

    async def _change(
        self, project: str, key: str, change: Change, wanted: Wanted, meta: Meta
    ) -> tuple[Present, KeyValueRow | None]:
        stream = key_stream(project, key)
        async with self._engine.turns.of(str(stream)):
            for tried in range(TRIES):
                await self._engine.stand_aside(tried)
                present = await self._present(project, key)
                _judge(key, present, wanted)
                now = self._engine.clock.now()
                event = change(now, present)
                sealed = seal(stream, present.head, [event], meta=meta, project=project, now=now)
                changes = project_kv(sealed[0], event, present.before)
                append = Append(stream, present.head, sealed, tuple(changes))
                (outcome,) = await self._engine.log.append([append])
                if isinstance(outcome, Appended):
                    rows = (each for each in changes if isinstance(each, KeyValueRow))
                    return present, next(rows, None)
        raise VersionConflict(f"the value of {key!r} is being changed by others")

    async def _present(self, project: str, key: str) -> Present:
        """Return where a key stands by its stream; a short one is read whole."""
        stream = key_stream(project, key)
        kept = await self._engine.views.kv_get(project, key, now=0.0)
        after = kept.row.version if kept is not None else 0
        row = kept.row if kept is not None else None
        value: Json = kept.value if kept is not None else None
        # From the row's own event on: the head is in it, and what came since.
        history = (await self._engine.log.read([stream], after=max(0, after - 1)))[stream]
        head = EMPTY
        for envelope in history:
            head = head_of(envelope)
            if envelope.version <= after:
                continue
            event = cast("Event", event_in(envelope))
            changes = project_kv(envelope, event, row)
            row = next((each for each in changes if isinstance(each, KeyValueRow)), None)
            value = event.value if isinstance(event, ValueSet) else None
        now = self._engine.clock.now()
        is_over = row is None or (row.expires_at is not None and row.expires_at <= now)
        return Present(None if is_over else row, None if is_over else value, head, row)


def _check(key: str, ttl: float | None) -> None:
    faults: list[str] = []
    if not key or len(key.encode()) > LONGEST_KEY:
        faults.append(f"key: must have 1 to {LONGEST_KEY} bytes")
    if ttl is not None and not 0 < ttl <= LONGEST_TTL_S:
        faults.append("ttl: must be more than 0 seconds and at most 100 years")
    if faults:
        raise DefinitionInvalid(faults)


def _judge(key: str, present: Present, wanted: Wanted) -> None:
    if wanted.absent and present.row is not None:
        raise AlreadyExists(f"{key!r} has a value already, of version {present.row.version}")
    if wanted.version is not None and (
        present.row is None or present.row.version != wanted.version
    ):
        now = f"version {present.row.version}" if present.row else "no value"
        raise NotPresent(f"{key!r} has {now}, not version {wanted.version}")
    if wanted.present and present.row is None:
        raise NotFound(f"{key!r} has no value")


@contextmanager
def _told() -> Generator[None]:
    """Let a plugin fail by what the store refuses."""
    try:
        yield
    except Rejected as refused:
        raise PluginFailed(str(refused), final=True) from refused


class ProjectValues:
    """The store as a plugin sees it: one project's keys, and no other's."""

    def __init__(self, values: Values, project: str, meta: Meta) -> None:
        self._values = values
        self._project = project
        self._meta = meta

    def _own(self, namespace: str) -> str:
        if namespace not in ("", self._project):
            raise PluginFailed(f"namespace {namespace!r} is not the run's own", final=True)
        return self._project

    async def get(self, namespace: str, key: str) -> tuple[Json] | None:
        """Return the value, boxed; None when there is none or it has expired."""
        found = await self._values.get(self._own(namespace), key)
        return None if found is None else (found.value,)

    async def set(self, namespace: str, key: str, value: Json, *, ttl: float | None) -> int:
        """Set a value for `ttl` seconds, or for ever; return its version."""
        with _told():
            row, _ = await self._values.set(
                self._own(namespace), key, value, ttl=ttl, meta=self._meta
            )
        return row.version

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove a value; False when there is none."""
        return await self._values.remove(self._own(namespace), key, meta=self._meta)

    async def keys(self, namespace: str, prefix: str, *, limit: int) -> list[str]:
        """Return the keys that begin with a prefix, in order."""
        found = await self._values.keys(self._own(namespace), prefix=prefix, limit=limit)
        return [each.row.key for each in found]

    async def increment(self, namespace: str, key: str, by: float) -> float:
        """Add to a number (0 where there is none) and return the sum."""
        with _told():
            return await self._values.add(self._own(namespace), key, by, meta=self._meta)
