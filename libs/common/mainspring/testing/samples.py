"""Small true events, rows and appends: what tests of the log write into it."""

from collections.abc import Sequence

from mainspring.domain.catalog import DefinitionStored
from mainspring.domain.envelope import (
    EMPTY,
    Head,
    Idempotency,
    Meta,
    StreamId,
    head_of,
    seal,
)
from mainspring.domain.execution.events import ExecutionRequested, StepSucceeded, WakeRequested
from mainspring.domain.message import Json, Message
from mainspring.domain.rows import (
    ApprovalRow,
    Change,
    DefinitionRow,
    ExecutionRow,
    IdempotencyRow,
    StarterRow,
    TriggerRow,
)
from mainspring.domain.task import Exchange
from mainspring.ports import Append

NOW = 1_795_000_000.123456


def uuid(n: int, group: int = 0) -> str:
    """Return the n-th id of a group: a UUIDv7 whose order is that of the numbers."""
    return f"01a00000-{group:04x}-7000-8000-{n:012x}"


def execution_stream(n: int, group: int = 0) -> StreamId:
    """Return the stream of the n-th execution of a group."""
    return StreamId("execution", uuid(n, group))


def requested(payload: Json = None) -> ExecutionRequested:
    """Return the first event of an execution."""
    return ExecutionRequested(
        definition="d" * 64, name="order", version="1", dialect="sagas", payload=payload, at=NOW
    )


def succeeded(output: Json, ref: str = "charge") -> StepSucceeded:
    """Return a step's success with an output and the exchange that gave it."""
    exchange = Exchange(verb="POST", url="http://a.test/", started_at=NOW, latency=0.25, status=200)
    return StepSucceeded(ref=ref, output=output, exchange=exchange, at=NOW)


def append(
    stream: StreamId,
    expected: Head = EMPTY,
    *changes: Change,
    events: Sequence[Message] = (WakeRequested(ref="a"),),
    project: str = "default",
    meta: Meta | None = None,
) -> Append:
    """Return an append of sealed events behind `expected`, with these rows."""
    sealed = seal(stream, expected, events, meta=meta or Meta(), project=project, now=NOW)
    return Append(stream, expected, sealed, changes)


def head_after(written: Append) -> Head:
    """Return the head of a stream that ends with this append."""
    return head_of(written.events[-1])


def execution_row(stream: StreamId, **fields: object) -> ExecutionRow:
    """Return the row of a pending execution, with other fields where given."""
    plain: dict[str, object] = {
        "id": stream.id,
        "project": "default",
        "partition": 1,
        "definition": "d" * 64,
        "dialect": "sagas",
        "name": "order",
        "version": "1",
        "status": "pending",
        "stream_version": 1,
        "handled_version": 1,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return ExecutionRow(**(plain | fields))  # type: ignore[arg-type]


def trigger_row(n: int, **fields: object) -> TriggerRow:
    """Return the row of a waiting trigger of the n-th execution, with other fields where given."""
    plain: dict[str, object] = {
        "id": uuid(n, 7),
        "project": "default",
        "key": f"k{n}",
        "execution": uuid(n),
        "ref": "w",
        "visit": 1,
        "attempt": 1,
        "status": "waiting",
        "ask_version": 1,
        "requested_at": NOW,
    }
    return TriggerRow(**(plain | fields))  # type: ignore[arg-type]


def approval_row(n: int, **fields: object) -> ApprovalRow:
    """Return the row of a pending approval of the n-th execution, with other fields where given."""
    plain: dict[str, object] = {
        "id": uuid(n, 8),
        "project": "default",
        "execution": uuid(n),
        "ref": "a",
        "visit": 1,
        "attempt": 1,
        "status": "pending",
        "ask_version": 1,
        "requested_at": NOW,
    }
    return ApprovalRow(**(plain | fields))  # type: ignore[arg-type]


def starter_row(n: int, **fields: object) -> StarterRow:
    """Return the row of the n-th starter, a schedule, with other fields where given."""
    plain: dict[str, object] = {
        "id": uuid(n, 9),
        "project": "default",
        "partition": 1,
        "dialect": "native",
        "workflow": "w",
        "kind": "schedule",
        "name": f"s{n}",
        "origin": "api",
        "enabled": True,
        "created_at": NOW,
        "updated_at": NOW,
        "set_version": 1,
        "stream_version": 1,
        "stream_hash": "00" * 32,
    }
    return StarterRow(**(plain | fields))  # type: ignore[arg-type]


def idempotency_row(key: str, *, at: float = NOW, project: str = "default") -> IdempotencyRow:
    """Return the row of an answer under a key."""
    return IdempotencyRow(project, "me", "POST /sagas", key, "h", 202, "{}", "/sagas/1", at)


def keyed(key: str) -> Meta:
    """Return metadata with an idempotency key."""
    kept = Idempotency("me", "POST /sagas", key, "h", 202, "{}", "/sagas/1")
    return Meta(actor="me", idempotency=kept)


def definition_append(
    id: str,
    name: str,
    version: str = "1",
    *,
    project: str = "default",
    at: float = NOW,
    dialect: str = "sagas",
) -> Append:
    """Return the append that stores a definition, with its row."""
    event = DefinitionStored(
        name=name, version=version, dialect=dialect, source={"n": name}, compiled="c", at=at
    )
    row = DefinitionRow(id, project, name, version, dialect, "c", at)
    return append(StreamId("definition", id), EMPTY, row, events=[event], project=project)
