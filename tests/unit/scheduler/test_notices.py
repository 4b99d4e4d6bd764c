"""A notice of a new run tells how it began, and is believed only as far as the log bears it out."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.unit.scheduler.conftest import Desk, Hand

from mainspring.domain.definition import Request
from mainspring.domain.envelope import Envelope, Meta, StreamId
from mainspring.domain.execution import commands as c
from mainspring.domain.message import Json, replace
from mainspring.domain.task import Task
from mainspring.ports import Outgoing
from mainspring.runtime.engine import Start
from mainspring.runtime.notices import LARGEST, Notice, read
from mainspring.testing.samples import uuid
from mainspring.testing.shapes import dag, needing

ID = uuid(1, 7)


class Reads:
    """What was read of the log, by its streams."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of: list[StreamId] = []
        real = desk.store.log.read

        async def read(
            streams: Sequence[StreamId], *, after: int = 0
        ) -> dict[StreamId, list[Envelope]]:
            self.of += streams
            return await real(streams, after=after)

        monkeypatch.setattr(desk.store.log, "read", read)


@pytest.fixture
def reads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(desk, monkeypatch)


async def begin(desk: Desk, payload: Json) -> Outgoing:
    """Begin a run that sends its payload; return the notice of it, which nobody has heard yet."""
    request = Request(url="http://shop.test/a", body="{{payload.a}}", has_body=True)
    start = Start(
        id=ID, project="default", dialect="native", name="n", version="1", payload=payload
    )
    await desk.engine.start(dag(replace(needing("a"), request=request)), start, Meta(actor="ann"))
    (notice,) = desk.wire.take("events.execution.")
    return notice


async def hear(desk: Desk, notice: Outgoing, told: Notice) -> list[Task]:
    """Let the scheduler hear a notice that says this; return the tasks that it hands out."""
    desk.inbox.deliver(Hand(Outgoing(notice.subject, msgspec.json.encode(told))))
    await desk.settle()
    return [msgspec.json.decode(m.data, type=Task) for m in desk.wire.take("tasks.")]


async def test_a_new_run_is_decided_about_without_a_read(desk: Desk, reads: Reads) -> None:
    notice = await begin(desk, {"a": 1})
    (task,) = await hear(desk, notice, read(notice.data))
    assert (task.values, reads.of) == ({"payload": {"a": 1}}, [])
    assert await desk.engine.load(ID) == desk.engine._warm.get(ID)  # pyright: ignore[reportPrivateUsage]


async def test_a_beginning_that_was_changed_on_its_way_is_read_from_the_log(
    desk: Desk, reads: Reads
) -> None:
    notice = await begin(desk, {"a": 1})
    told: Any = read(notice.data)
    forged = replace(
        told.first, body=msgspec.Raw(bytes(told.first.body).replace(b'"a":1', b'"a":2'))
    )
    assert forged.body != told.first.body
    (task,) = await hear(desk, notice, replace(told, first=forged))
    assert (task.values, reads.of) == ({"payload": {"a": 1}}, [StreamId("execution", ID)])


async def test_a_beginning_of_another_run_is_read_from_the_log(desk: Desk, reads: Reads) -> None:
    notice = await begin(desk, {"a": 1})
    told = read(notice.data)
    assert told.beginning(StreamId("execution", uuid(2, 7))) is None
    (task,) = await hear(desk, notice, replace(told, x="another"))
    assert (task.values, reads.of) == ({"payload": {"a": 1}}, [StreamId("execution", ID)])


async def test_what_came_after_the_beginning_is_read_from_the_log(desk: Desk) -> None:
    notice = await begin(desk, {"a": 1})
    await desk.engine.ask(ID, c.RequestCancel(), project=None, meta=Meta())
    assert await hear(desk, notice, replace(read(notice.data), v=2)) == []
    assert await desk.status(ID) == "canceled"


async def test_a_run_that_went_on_without_a_notice_is_decided_again(desk: Desk) -> None:
    notice = await begin(desk, {"a": 1})
    await desk.engine.ask(ID, c.RequestCancel(), project=None, meta=Meta())
    assert await hear(desk, notice, read(notice.data)) == []
    assert await desk.status(ID) == "canceled"


async def test_a_notice_that_comes_again_after_the_end_changes_nothing(desk: Desk) -> None:
    notice = await begin(desk, {"a": 1})
    desk.inbox.deliver(Hand(notice))
    await desk.settle()
    await desk.answer()
    ended = await desk.state(ID)
    desk.clock.at += 1
    assert ended.status == "succeeded"
    desk.engine.forget(ID)
    assert await hear(desk, notice, read(notice.data)) == []
    assert await desk.state(ID) == ended


async def test_a_large_beginning_is_not_told(desk: Desk, reads: Reads) -> None:
    notice = await begin(desk, {"a": "x" * LARGEST})
    assert read(notice.data).first is None
    assert len(notice.data) < 200
    await hear(desk, notice, read(notice.data))
    assert reads.of == [StreamId("execution", ID)]
