"""What the services need of the world, as small Protocols.

Each port has a real adapter and one in memory, and one contract suite that both must pass.  Because
nothing reaches around them, all services can run in one process under simulated time with faults
injected at exactly these seams.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol

import msgspec

from mainspring.domain.ailments import GRACE, Ailment
from mainspring.domain.envelope import Envelope, Head, StreamId
from mainspring.domain.rows import (
    ApprovalRow,
    AttemptRow,
    Change,
    DefinitionRow,
    ExecutionRow,
    IdempotencyRow,
    KeyValueRow,
    StepRow,
    TimerRow,
    TriggerRow,
)
from mainspring.domain.starters import Starter
from mainspring.domain.task import Exchange


class Append(msgspec.Struct, frozen=True):
    """Sealed events of one stream behind `expected`, and the view rows that follow from them."""

    stream: StreamId
    expected: Head
    events: tuple[Envelope, ...]
    changes: tuple[Change, ...] = ()


class Appended(msgspec.Struct, frozen=True):
    """The events are durable and in order at these positions, also when they already were."""

    positions: tuple[int, ...]


class Refused(msgspec.Struct, frozen=True):
    """Nothing of this stream was written.

    `conflict`: another writer was first; `key_taken`: its idempotency key is in use; `name_taken`:
    its unique name (a definition's name and version, a waiting trigger's key) is.
    """

    why: Literal["conflict", "key_taken", "name_taken"]


class EventLog(Protocol):
    """The truth: one table of events, in streams, in one total order."""

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        """Write each stream whole or not at all, all in one transaction; answer in batch order.

        Durable when it returns.  Concurrent calls of a process share a transaction.  An append
        that was already written (same hashes) answers `Appended` again.  Raises `LogUnavailable`.
        """
        ...

    async def read(
        self, streams: Sequence[StreamId], *, after: int = 0
    ) -> dict[StreamId, list[Envelope]]:
        """Return the events of each stream with a version above `after`; absent streams are []."""
        ...

    async def read_all(
        self,
        *,
        after: int,
        limit: int,
        project: str | None = None,
        stream: StreamId | None = None,
        types: Sequence[str] = (),
    ) -> list[Envelope]:
        """Return events with a position above `after`, in order of position, at most `limit`."""
        ...

    async def read_newest(
        self,
        project: str,
        *,
        types: Sequence[str],
        before: int | None = None,
        actor: str | None = None,
        limit: int,
    ) -> list[Envelope]:
        """Return a project's events of some types below a position, newest first."""
        ...

    async def head_position(self) -> int:
        """Return the position of the newest event, 0 for an empty log."""
        ...


class ExecutionDetail(msgspec.Struct, frozen=True):
    """An execution row with the bodies that it refers to."""

    row: ExecutionRow
    payload: object = None
    output: object = None


class StepDetail(msgspec.Struct, frozen=True):
    """A step row with its output."""

    row: StepRow
    output: object = None


class AttemptDetail(msgspec.Struct, frozen=True):
    """An attempt row with its exchange."""

    row: AttemptRow
    exchange: Exchange


class DefinitionDetail(msgspec.Struct, frozen=True):
    """A definition row with the source as it was stored."""

    row: DefinitionRow
    source: object = None


class Lineage(msgspec.Struct, frozen=True):
    """The versions of a name, one after the other; `id` is that of the first one's row.

    `last` and `last_at` are the version that was stored last and its instant, also of a deleted
    one: the next one comes after it.  `began_at` is when the oldest of those that are there was
    stored.  `newest` is None when all are deleted.
    """

    id: str
    last: str
    last_at: float
    began_at: float | None = None
    newest: DefinitionDetail | None = None


class TriggerDetail(msgspec.Struct, frozen=True):
    """A trigger row with what it asks and what it received."""

    row: TriggerRow
    ask: object = None
    payload: object = None


class ApprovalDetail(msgspec.Struct, frozen=True):
    """An approval row with what it asks."""

    row: ApprovalRow
    ask: object = None


class KeyValueDetail(msgspec.Struct, frozen=True):
    """A key's row with its value."""

    row: KeyValueRow
    value: object = None


class TriggerStats(msgspec.Struct, frozen=True):
    """How many triggers there are by status; `waited` is the mean of the received ones."""

    counts: dict[str, int]
    waited: float


class Purgeable(msgspec.Struct, frozen=True):
    """How many triggers would be purged, and the instant before which these have ended."""

    count: int
    ended_before: float


class Lateness(msgspec.Struct, frozen=True):
    """How many executions and starters are late, and since when the latest of the executions is."""

    executions: int = 0
    since: float | None = None
    starters: int = 0


class Page(msgspec.Struct, frozen=True):
    """Where a list goes on: rows created before (`at`, `id`), newest first."""

    at: float
    id: str


class Views(Protocol):
    """What queries see.  Every method reads committed rows.  Raises `LogUnavailable`.

    `project` None means: of any project (for the services themselves).
    """

    async def execution(self, id: str, *, project: str | None = None) -> ExecutionDetail | None: ...

    async def executions(  # noqa: PLR0913 - what may be asked for of a list
        self,
        project: str,
        *,
        status: Sequence[str] = (),
        name: str | None = None,
        tag: tuple[str, str | None] | None = None,
        since: float | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[ExecutionRow]:
        """Return executions of a project, newest first by (created_at, id), back to `since`.

        A `status` is a status of the engine's, or one with what is waited for, `running:callback`,
        or with whether what was done was compensated: `failed:undone`, `failed:standing`.
        """
        ...

    async def payloads(self, executions: Sequence[str]) -> dict[str, object]:
        """Return what each of these executions was started with, by its id."""
        ...

    async def children(self, execution: str, *, limit: int = 1000) -> list[ExecutionRow]:
        """Return the executions that one has started, oldest first."""
        ...

    async def steps(self, execution: str) -> list[StepDetail]:
        """Return the step visits of an execution in order of `seq`."""
        ...

    async def attempts(self, execution: str) -> list[AttemptDetail]:
        """Return the HTTP tries of an execution in order of their event's version."""
        ...

    async def definition(
        self, *, project: str, id: str | None = None, name: str = "", version: str = ""
    ) -> DefinitionDetail | None:
        """Return a stored definition by id, or by name and version; deleted ones are not found."""
        ...

    async def newest_definition(self, *, project: str, name: str) -> DefinitionDetail | None:
        """Return the definition of a name that was stored last and is not deleted."""
        ...

    async def trigger(
        self,
        *,
        project: str | None,
        id: str | None = None,
        key: str = "",
        sent_by: str | None = None,
    ) -> TriggerDetail | None:
        """Return a trigger by id, or of a key the one that waits, else the newest (of a sender).

        A key needs a project.
        """
        ...

    async def triggers(
        self,
        project: str,
        *,
        status: Sequence[str] = (),
        execution: str | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[TriggerDetail]:
        """Return triggers of a project, newest first by (requested_at, id)."""
        ...

    async def waiting_triggers(
        self, project: str, prefix: str, *, limit: int = 1000, after: str | None = None
    ) -> list[TriggerRow]:
        """Return waiting triggers with such keys, in order of the key, those behind `after`."""
        ...

    async def trigger_stats(self, project: str) -> TriggerStats: ...

    async def purgeable(
        self, project: str, *, ended_before: float, limit: int | None = None
    ) -> Purgeable:
        """Return how many triggers ended before an instant, counting the first up to `limit`.

        The answer's instant is one before which just these have ended; more than `limit` only when
        several ended at once.
        """
        ...

    async def approval(self, *, project: str | None, id: str) -> ApprovalDetail | None: ...

    async def approvals(
        self,
        project: str,
        *,
        status: Sequence[str] = (),
        execution: str | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[ApprovalDetail]:
        """Return approvals of a project, newest first by (requested_at, id)."""
        ...

    async def deliverable(self, *, now: float, limit: int) -> list[tuple[str, str]]:
        """Return (project, key) pairs where a kept event may go on its way."""
        ...

    async def definitions(
        self,
        project: str,
        *,
        dialect: str | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[DefinitionDetail]:
        """Return stored definitions that are not deleted, newest first by (created_at, id)."""
        ...

    async def versions(
        self,
        project: str,
        dialect: str,
        name: str,
        *,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[DefinitionDetail]:
        """Return the versions of a name that are not deleted, newest first by (created_at, id)."""
        ...

    async def lineage(
        self, project: str | None, dialect: str, *, id: str | None = None, name: str = ""
    ) -> Lineage | None:
        """Return the versions of a name, or those whose first one has this id.

        The first one is version 1; names whose versions are words have no lineage.  A name needs a
        project.
        """
        ...

    async def lineages(
        self, project: str | None, dialect: str, *, limit: int = 50, before: Page | None = None
    ) -> list[Lineage]:
        """Return the lineages that are not all deleted, newest first by (began_at, id)."""
        ...

    async def kv_get(self, project: str, key: str, *, now: float) -> KeyValueDetail | None:
        """Return the value of a key; None when it has none, or one that has expired."""
        ...

    async def kv_keys(
        self,
        project: str,
        *,
        now: float,
        prefix: str = "",
        after: str | None = None,
        limit: int = 50,
        values: bool = False,
    ) -> list[KeyValueDetail]:
        """Return a project's keys in order, those behind `after`, with their values if wanted."""
        ...

    async def starter(self, id: str, *, project: str | None = None) -> Starter | None:
        """Return a starter by its id, also one that was removed."""
        ...

    async def webhook(self, key: str) -> Starter | None:
        """Return the webhook that is found by a key (`starters.address`)."""
        ...

    async def starters(
        self,
        project: str,
        *,
        kind: str | None = None,
        workflow: str | None = None,
        enabled: bool | None = None,
        limit: int = 50,
        before: Page | None = None,
    ) -> list[Starter]:
        """Return starters of a project that are there, newest first by (created_at, id)."""
        ...

    async def due_starters(
        self, partitions: Sequence[int], *, until: float, limit: int
    ) -> list[Starter]:
        """Return schedules due at `until` or before, in order of (due_at, id)."""
        ...

    async def next_due(self, partitions: Sequence[int]) -> float | None:
        """Return when the next schedule falls due, or fell due already."""
        ...

    async def followers(self, *, limit: int) -> list[Starter]:
        """Return enabled starters that follow the ends of runs, oldest first."""
        ...

    async def newest_of(
        self, workflows: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], DefinitionDetail]:
        """Return the newest versions of workflows, by (project, id of the first version's row).

        Deleted ones are left out; of those whose versions are words each stands for itself.
        """
        ...

    async def executions_by_id(self, ids: Sequence[str]) -> list[ExecutionRow]:
        """Return these executions, of any project, in no order that matters."""
        ...

    async def cursor(self, name: str) -> int | None:
        """Return how far a reader of the log has come; None before it noted that."""
        ...

    async def move_cursor(self, name: str, position: int) -> None:
        """Note how far a reader of the log has come; durable when it returns, and never back.

        No row follows from it, and no event says it: read from further back, all is done again.
        """
        ...

    async def idempotency(
        self, project: str, actor: str, route: str, key: str
    ) -> IdempotencyRow | None: ...

    async def forget_keys(self, *, before: float, limit: int) -> int:
        """Delete answers under idempotency keys from before an instant, the oldest first.

        Returns how many, at most `limit`.  It writes, as `move_cursor` does: what it deletes is
        found again only by a rebuild, and means nothing any more.
        """
        ...

    async def queued(self, project: str, name: str, *, limit: int) -> list[ExecutionRow]:
        """Return runs of a workflow that wait for a place, oldest first by (created_at, id)."""
        ...

    async def gates(self, *, limit: int) -> list[tuple[str, str]]:
        """Return (project, name) of workflows whose runs wait for a place."""
        ...

    async def ended_among(self, executions: Sequence[str]) -> set[str]:
        """Return which of these executions have ended."""
        ...

    async def unhandled(self, partitions: Sequence[int], *, before: float, limit: int) -> list[str]:
        """Return executions, oldest first, with facts older than `before` and undecided."""
        ...

    async def overdue(self, partitions: Sequence[int], *, before: float, limit: int) -> list[str]:
        """Return executions, most overdue first, whose `wake_at` lies before `before`."""
        ...

    async def timers(
        self, partitions: Sequence[int], *, before: float, limit: int
    ) -> list[TimerRow]:
        """Return timers due before `before`, in order of (due_at, execution, key)."""
        ...

    async def without_wakeup(self) -> int:
        """Return how many executions are not terminal and have no reason or no next wake-up."""
        ...

    async def stuck(self, partitions: Sequence[int], *, limit: int) -> list[str]:
        """Return executions that are not terminal and have no reason or no next wake-up."""
        ...

    async def ailing(self, *, now: float, grace: float = GRACE, limit: int) -> list[Ailment]:
        """Return what has not ended and will not move as it should, in order of (since, kind, id).

        What is late, and what is owed, counts when it has been so for `grace` seconds.
        """
        ...

    async def lateness(self, *, before: float) -> Lateness:
        """Return how much was to have moved before an instant, and since when."""
        ...


class Blobs(Protocol):
    """Large values by reference: content-addressed, written before the message that names them."""

    async def put(self, data: bytes) -> str:
        """Store `data` and return its reference (the SHA-256 in hex); durable when it returns."""
        ...

    async def get(self, ref: str) -> bytes | None: ...

    async def forget(self, *, unused_for: float, limit: int) -> int:
        """Delete values that were last stored at least so many seconds ago, the oldest first.

        Returns how many, at most `limit`.
        """
        ...


class Snapshots(Protocol):
    """A cache of folded states, droppable at any time."""

    async def save(self, stream: StreamId, head: Head, state: bytes) -> None: ...

    async def load(self, streams: Sequence[StreamId]) -> dict[StreamId, tuple[Head, bytes]]: ...


class Outgoing(msgspec.Struct, frozen=True):
    """A message to publish.  `id` lets the broker drop a repetition where it can."""

    subject: str
    data: bytes
    id: str = ""


class Delivery(Protocol):
    """A message that was pulled and must be answered."""

    @property
    def subject(self) -> str: ...

    @property
    def data(self) -> bytes: ...

    @property
    def redelivered(self) -> bool: ...

    def ack(self) -> None:
        """Never deliver it again.  Not awaited: a lost ack only means a repetition."""
        ...

    def nak(self, delay: float = 0.0) -> None:
        """Deliver it again after `delay` seconds."""
        ...

    def working(self) -> None:
        """Ask for more time before it is delivered again."""
        ...


class Consumer(Protocol):
    """A durable, shared reader of a work queue or of a stream."""

    async def fetch(self, limit: int, *, timeout: float, ask: bool = True) -> list[Delivery]:
        """Return up to `limit` messages as soon as there is one; [] when `timeout` seconds pass.

        Without `ask` only what is on its way already comes: so a reader stops and loses no time of
        a message that was sent to it before.
        """
        ...


class Subscription(Protocol):
    """A live feed of core subjects; what is published while nobody listens is gone."""

    async def next(self, timeout: float) -> tuple[str, bytes] | None:
        """Return the next (subject, data), or None when `timeout` seconds pass."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """NATS JetStream, trusted with speed and with nothing else."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Hand messages to the broker.  Raises `BusUnavailable` when there is no connection.

        Returning promises nothing: what gets lost is found again by the sweeps over the log.
        """
        ...

    async def consumer(self, stream: str, durable: str, subjects: Sequence[str]) -> Consumer:
        """Return a durable pull consumer of a stream, made if it is not there."""
        ...

    async def subscribe(self, subject: str) -> Subscription:
        """Return a live subscription on a core subject (wildcards allowed)."""
        ...

    async def ensure(self) -> bool:
        """Make streams and consumers that are missing; True when any had been lost or is new."""
        ...

    def connected(self) -> bool: ...

    def on_restore(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call `callback` after the broker came back with something lost: the queues are gone.

        That a stream or a consumer had to be made counts as a loss: nobody has used it before.
        """
        ...


class Clock(Protocol):
    """Time.  `now` is seconds since the epoch; `monotonic` is for measuring spans."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    """Identity."""

    def uuid7(self) -> str:
        """Return a new UUIDv7 as text."""
        ...


class Random(Protocol):
    """Chance, as seeds: the domain derives jitter and nonces from them."""

    def seed(self) -> str:
        """Return 128 unguessable bits in hex."""
        ...


class HttpAnswer(msgspec.Struct, frozen=True):
    """A whole HTTP answer: names of headers in lower case, the body undone from compression."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient(Protocol):
    """Outbound HTTP/1.1 behind the egress guard; follows no redirect."""

    async def request(
        self,
        verb: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes | None,
        timeout: float,
        max_body: int,
    ) -> HttpAnswer:
        """Make one call.  Raises `HttpFault` with the kind of fault when there is no answer.

        An answer whose body is larger than `max_body` is the fault too_large, never cut short.
        """
        ...

    async def close(self) -> None: ...


class HttpFault(Exception):
    """There is no answer: `kind` is timeout, connection, refused, too_large."""

    def __init__(
        self, kind: Literal["timeout", "connection", "refused", "too_large"], text: str
    ) -> None:
        super().__init__(text)
        self.kind: Literal["timeout", "connection", "refused", "too_large"] = kind
