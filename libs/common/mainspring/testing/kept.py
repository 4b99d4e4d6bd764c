"""What must be readable for ever: whole histories, and one stored body of every event.

Files are added and never edited: `python -m mainspring.testing.kept` writes those that are missing,
played by today's code, and touches no other.  A history is a log as JSON lines, its body as the
text that was hashed; beside it stands what its views said when it was written.  Later code may add
fields to a row, so only those that were written are compared.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from mainspring.domain import catalog, gate, kv, requests, starters, triggers
from mainspring.domain.envelope import EMPTY, Envelope, Meta, StreamId, seal
from mainspring.domain.message import Json
from mainspring.domain.rows import AttemptRow, ExecutionRow, Row, StepRow, TimerRow
from mainspring.store.tables import Tables
from mainspring.testing import shapes
from mainspring.testing.spec import EXECUTION, START
from mainspring.testing.tours import TOURS

ROWS: Final[tuple[type[Row], ...]] = (ExecutionRow, StepRow, AttemptRow, TimerRow)


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """An envelope as a line of JSON: bytes as text."""

    position: int
    stream: StreamId
    version: int
    id: str
    type: str
    schema_version: int
    body: str
    meta: Meta
    project: str
    recorded_at: float
    hash: str


def to_lines(log: Iterable[Envelope]) -> bytes:
    """Return a log as JSON lines."""
    lines = [
        Line(
            position=one.position,
            stream=one.stream,
            version=one.version,
            id=one.id,
            type=one.type,
            schema_version=one.schema_version,
            body=one.body.decode(),
            meta=one.meta,
            project=one.project,
            recorded_at=one.recorded_at,
            hash=one.hash.hex(),
        )
        for one in log
    ]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def from_lines(data: bytes) -> list[Envelope]:
    """Return the log that JSON lines hold."""
    return [
        Envelope(
            stream=line.stream,
            version=line.version,
            id=line.id,
            type=line.type,
            schema_version=line.schema_version,
            body=line.body.encode(),
            meta=line.meta,
            project=line.project,
            recorded_at=line.recorded_at,
            hash=bytes.fromhex(line.hash),
            position=line.position,
        )
        for line in msgspec.json.Decoder(Line).decode_lines(data)
    ]


def rows_in(tables: Tables) -> dict[str, list[dict[str, Json]]]:
    """Return the rows of an execution by the name of their kind, in the order of their keys."""
    found: dict[str, list[dict[str, Json]]] = {}
    for kind in ROWS:
        rows = sorted(msgspec.json.encode(row) for row in tables.rows(kind))
        found[kind.__name__] = [msgspec.json.decode(row) for row in rows]
    return found


def expected(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the files that should be there, with what they would hold if they were not."""
    played = {name: tour() for name, tour in TOURS.items()}
    for name, player in played.items():
        path = root / "tests" / "replay" / "histories" / f"{name}.jsonl"
        yield path, to_lines(player.log)
        rows = msgspec.json.encode(rows_in(player.tables))
        yield path.with_suffix(".rows.json"), msgspec.json.format(rows, indent=1) + b"\n"
    fullest: dict[Path, bytes] = {}
    beside = [*_catalogued(), *_buffered(), *_valued(), *_starting()]
    for one in [*beside, *(one for player in played.values() for one in player.log)]:
        path = example(root / "proto", one.stream.category, one.type, one.schema_version)
        # Of many bodies the longest shows most fields.
        fullest[path] = max(fullest.get(path, b""), one.body, key=len)
    for path, body in fullest.items():
        yield path, msgspec.json.format(body, indent=2) + b"\n"


def _catalogued() -> tuple[Envelope, ...]:
    """Return what a user's definition leaves in the log, from its storing to its deletion."""
    definition = shapes.path(shapes.task("charge", undo=True), shapes.task("ship"))
    stored = catalog.DefinitionStored(
        name=definition.name,
        version=definition.version,
        dialect="sagas",
        source={"name": definition.name, "version": definition.version, "nodes": []},
        compiled=definition.hash,
        at=START,
    )
    stream = StreamId("definition", EXECUTION)
    events = [stored, catalog.DefinitionDeleted(at=START + 60)]
    return seal(stream, EMPTY, events, meta=Meta(), project="default", now=START)


def _buffered() -> list[Envelope]:
    """Return what is in the log beside executions and definitions."""
    key, meta = "paid:7", Meta(actor="bank")
    events = [
        triggers.EventBuffered(
            key=key, payload={"amount": 120}, sent_by="bank", expires_at=START + 600, at=START
        ),
        triggers.EventOffered(kept=1, trigger=EXECUTION, at=START + 1),
        triggers.EventConsumed(kept=1, at=START + 1),
    ]
    stream = triggers.buffer_stream("default", key)
    purge = triggers.TriggersPurged(ended_before=START, at=START + 60)
    project = triggers.project_stream("default")
    places = gate.gate_stream("default", "order")
    slots = gate.SlotsChanged(freed=("a",), taken=("b",), at=START)
    asked = requests.request_stream(EXECUTION)
    answered = requests.RequestAnswered(action="prefix send", changed=2, failed=1, at=START)
    return [
        *seal(stream, EMPTY, events, meta=meta, project="default", now=START),
        *seal(project, EMPTY, [purge], meta=meta, project="default", now=START),
        *seal(asked, EMPTY, [answered], meta=meta, project="default", now=START),
        *seal(places, EMPTY, [slots], meta=Meta(), project="default", now=START),
    ]


def _valued() -> tuple[Envelope, ...]:
    """Return what a value leaves in the log, from its setting to its removal."""
    events = [
        kv.ValueSet(
            key="cursor",
            value={"seen": 42},
            fresh=True,
            nonce="0" * 32,
            expires_at=START + 60,
            at=START,
        ),
        kv.ValueRemoved(key="cursor", at=START + 1),
    ]
    stream = kv.key_stream("default", "cursor")
    return seal(stream, EMPTY, events, meta=Meta(actor="ann"), project="default", now=START)


def _starting() -> tuple[Envelope, ...]:
    """Return what a starter leaves in the log, from its setting to its removal."""
    daily = starters.Schedule(
        cron="0 2 * * *", timezone="Europe/Berlin", catchup="last", jitter=30.0, max_late=600.0
    )
    next_at, due_at = START + 86_400, START + 86_412.5
    life: list[starters.Event] = [
        starters.StarterSet(
            dialect="flows",
            workflow=EXECUTION,
            spec=daily,
            input={"region": "north"},
            name="nightly",
            next_at=next_at,
            due_at=due_at,
            at=START,
        ),
        starters.StarterFired(
            instant=START,
            execution=EXECUTION,
            error="inputs.region: is required",
            next_at=next_at,
            due_at=due_at,
            at=START,
        ),
        starters.StarterSkipped(
            note="1 missed instant was not caught up with", next_at=next_at, due_at=due_at, at=START
        ),
        starters.StarterBackfilled(since=START - 86_400, until=START, instants=1, at=START),
        starters.StarterPaused(at=START),
        starters.StarterResumed(next_at=next_at, due_at=due_at, at=START),
        starters.StarterRemoved(at=START),
    ]
    stream, meta = StreamId("starter", EXECUTION), Meta(actor="ann")
    return seal(stream, EMPTY, life, meta=meta, project="default", now=START)


def example(proto: Path, category: str, type: str, version: int) -> Path:
    """Return where the stored body of an event's schema version stands."""
    return proto / "examples" / category / f"{type}.v{version}.json"


def main(root: Path) -> int:
    """Write what is missing below the root of the repository; return how many files."""
    count = 0
    for path, content in expected(root):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sys.stdout.write(f"{path}\n")
            count += 1
    return count


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
