"""Memory and Postgres answer alike to one random script."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.domain.envelope import EMPTY, GENESIS, Head, StreamId, head_of
from mainspring.domain.message import Message
from mainspring.domain.rows import (
    AttemptRow,
    AuditRow,
    Change,
    CompiledRow,
    StepRow,
    TimerGone,
    TimerRow,
)
from mainspring.ports import Append, Appended, Page
from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore
from mainspring.testing.samples import (
    NOW,
    append,
    definition_append,
    execution_row,
    execution_stream,
    idempotency_row,
    requested,
    succeeded,
    uuid,
)

Op = dict[str, Any]
numbers = count(1)

small = st.integers(0, 2)
instants = st.one_of(st.none(), st.floats(NOW - 3, NOW + 3))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
statuses = st.sampled_from(["pending", "running", "paused", "succeeded", "failed"])
appends = st.fixed_dictionaries(
    {
        "stream": small,
        "expected": st.sampled_from(["head", "head", "head", "older", "newer", "other", "again"]),
        "events": st.lists(st.one_of(st.none(), texts, st.integers()), min_size=1, max_size=3),
        "rows": st.lists(
            st.tuples(
                st.sampled_from(
                    ["execution", "step", "attempt", "timer", "gone", "key", "audit", "compiled"]
                ),
                small,
                instants,
                statuses,
                texts,
            ),
            max_size=4,
        ),
    }
)
definitions = st.fixed_dictionaries({"definition": small, "name": small, "at": st.integers(0, 2)})
scripts = st.lists(st.lists(st.one_of(appends, definitions), max_size=4), max_size=6)


class Script:
    """One run of a script against one store, in a project and with ids of its own."""

    def __init__(self, store: MemoryStore | PostgresStore, group: int) -> None:
        self.store = store
        self.group = group
        self.project = f"p{group}"
        self.versions = count(1)
        self.heads: dict[StreamId, list[Head]] = {}
        self.last: dict[StreamId, Append] = {}

    async def run(self, batch: Sequence[Op]) -> list[str]:
        """Append one batch; return what each append was answered."""
        built = [self._build(op) for op in batch]
        answers = await self.store.log.append(built)
        for written, answer in zip(built, answers, strict=True):
            if isinstance(answer, Appended):
                assert len(answer.positions) == len(written.events)
                self.last[written.stream] = written
                new = [head_of(event) for event in written.events]
                known = self.heads.setdefault(written.stream, [])
                known += [head for head in new if head not in known]
        return [answer.why if hasattr(answer, "why") else "appended" for answer in answers]  # type: ignore[union-attr]

    def _build(self, op: Op) -> Append:
        if "definition" in op:
            id = uuid(op["definition"], self.group)
            at = NOW + op["at"]
            return definition_append(id, f"n{op['name']}", project=self.project, at=at)
        stream = execution_stream(op["stream"], self.group)
        known = self.heads.get(stream, [])
        head = known[-1] if known else EMPTY
        match op["expected"]:
            case "again" if stream in self.last:
                return self.last[stream]
            case "older":
                head = known[-2] if len(known) > 1 else EMPTY
            case "newer":
                head = Head(head.version + 1, head.hash)
            case "other":
                head = Head(head.version, b"x" * 32 if head.version else GENESIS)
            case _:
                pass
        rows = [self._row(stream, *row) for row in op["rows"]]
        events: list[Message] = [succeeded(body) if body else requested() for body in op["events"]]
        return append(stream, head, *rows, events=events, project=self.project)

    def _row(
        self, stream: StreamId, kind: str, n: int, at: float | None, status: str, text: str
    ) -> Change:
        due = at or NOW
        unused = next(
            self.versions
        )  # these rows carry the version of their event: never the same twice
        rows: dict[str, Callable[[], Change]] = {
            "execution": lambda: execution_row(
                stream,
                project=self.project,
                partition=self.group,
                status=status,
                handled_version=n,
                created_at=NOW + n,
                updated_at=due,
                wake_at=at,
                waiting_for="task" if n else None,
                reason=text,
                current=(text,),
                tags={text: text},
                output_version=n,
            ),
            "step": lambda: StepRow(
                stream.id, f"s{n}", "up", 1, n, "task", status, n, due, text, at, output_version=n
            ),
            "attempt": lambda: AttemptRow(
                stream.id, text, "up", 1, n, unused, bool(n), due, 0.1, n or None, None
            ),
            "timer": lambda: TimerRow(stream.id, f"k{n}", "retry", self.group, due),
            "gone": lambda: TimerGone(stream.id, f"k{n}"),
            "key": lambda: idempotency_row(f"k{n}", at=due, project=self.project),
            "audit": lambda: AuditRow(*stream, unused, self.project, text, status, due),
            "compiled": lambda: CompiledRow(f"{self.group}-{n}", text, "1"),
        }
        return rows[kind]()

    async def look(self) -> list[object]:
        """Return all that can be read back, positions made into ranks."""
        log, views = self.store.log, self.store.views
        streams = [execution_stream(n, self.group) for n in range(3)]
        everything = await log.read_all(after=0, limit=1000, project=self.project)
        rank = {event.position: n for n, event in enumerate(everything)}
        found: list[object] = [
            [msgspec.structs.replace(event, position=rank[event.position]) for event in everything],
            [
                (stream, [(e.version, rank[e.position]) for e in events])
                for stream, events in (await log.read(streams, after=1)).items()
            ],
            await views.executions(self.project),
            await views.executions(self.project, status=["failed", "running"], name="order"),
            await views.executions(self.project, before=Page(NOW + 1, streams[1].id), limit=2),
            await views.definitions(self.project),
            await views.definitions(self.project, before=Page(NOW + 1, streams[1].id), limit=1),
            await views.unhandled([self.group], before=NOW + 1, limit=2),
            await views.overdue([self.group], before=NOW + 1, limit=2),
            await views.timers([self.group], before=NOW + 1, limit=3),
        ]
        for n, stream in enumerate(streams):
            found += [
                await views.execution(stream.id, project=self.project),
                await views.steps(stream.id),
                await views.attempts(stream.id),
                await views.definition(project=self.project, id=stream.id),
                await views.definition(project=self.project, name=f"n{n}", version="1"),
                await views.idempotency(self.project, "me", "POST /sagas", f"k{n}"),
                await log.read_all(after=0, limit=1, stream=stream, types=["StepSucceeded"])
                and "found",
            ]
        return found


@pytest.fixture
def runner() -> Any:
    """A loop that lives as long as the test, so that examples share one store."""
    with asyncio.Runner() as running:
        yield running


def test_both_stores_answer_alike_to_one_script(database_url: str, runner: asyncio.Runner) -> None:
    postgres = runner.run(PostgresStore.open(database_url))

    async def play(script: Sequence[Sequence[Op]]) -> None:
        group, stuck = next(numbers), await postgres.views.without_wakeup()
        memory, real = Script(MemoryStore(), group), Script(postgres, group)
        for batch in script:
            assert await memory.run(batch) == await real.run(batch)
        assert await memory.look() == await real.look()
        stuck += await memory.store.views.without_wakeup()
        assert await real.store.views.without_wakeup() == stuck

    @settings(max_examples=60, deadline=None)
    @given(script=scripts)
    def examples(script: Sequence[Sequence[Op]]) -> None:
        runner.run(play(script))

    examples()
    runner.run(postgres.close())
