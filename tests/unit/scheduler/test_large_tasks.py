"""A task of any size reaches an executor, and disturbs no other."""

import msgspec
from tests.unit.scheduler.conftest import Desk, request_in

from mainspring.bus.plans import MAX_MESSAGE
from mainspring.domain.definition import Definition, Request
from mainspring.domain.envelope import Meta
from mainspring.domain.message import Json, replace
from mainspring.domain.task import Task
from mainspring.runtime.engine import Start
from mainspring.testing.samples import uuid
from mainspring.testing.shapes import dag, needing
from mainspring_scheduler.advance import LARGE


def sending(body: Json, url: str = "http://shop.test/a") -> Definition:
    step = needing("a")
    request = Request(url=url, body=body, has_body=True, headers={"X-A": "1"})
    return dag(replace(step, request=request))


def tasks(desk: Desk) -> list[Task]:
    found = [m for m in desk.wire.sent if m.subject.startswith("tasks.")]
    assert all(len(m.data) < LARGE for m in found)
    return [msgspec.json.decode(m.data, type=Task) for m in found]


async def test_a_request_that_is_larger_than_a_message_travels_by_reference(desk: Desk) -> None:
    body = "x" * MAX_MESSAGE
    await desk.start(sending(body))
    [task] = tasks(desk)
    assert task.request_ref is not None
    assert (request_in(task).url, request_in(task).verb) == ("http://shop.test/a", "POST")
    kept = await desk.store.blobs.get(task.request_ref)
    assert kept is not None
    whole = msgspec.json.decode(kept, type=Request)
    assert (whole.body, whole.headers) == (body, {"X-A": "1"})


async def test_values_go_by_reference_before_the_request_does(desk: Desk) -> None:
    await desk.start(sending("{{payload.a}}"), {"a": "x" * LARGE})
    [task] = tasks(desk)
    assert (task.values, task.request_ref) == (None, None)
    assert task.values_ref is not None
    assert request_in(task).body == "{{payload.a}}"


async def test_a_request_and_values_that_are_both_large_both_go_by_reference(desk: Desk) -> None:
    await desk.start(sending("{{payload.a}}" + "x" * LARGE), {"a": "x" * LARGE})
    [task] = tasks(desk)
    assert task.values_ref is not None
    assert task.request_ref is not None


async def test_a_url_of_any_length_does_not_travel_twice(desk: Desk) -> None:
    await desk.start(sending("b", url="http://shop.test/" + "u" * LARGE))
    [task] = tasks(desk)
    assert task.request_ref is not None


async def test_the_neighbours_of_a_large_task_are_handed_out_with_it(desk: Desk) -> None:
    large, small = sending("x" * MAX_MESSAGE), sending("small")
    for n, definition in enumerate((small, large, small)):
        start = Start(id=uuid(n, 8), project="default", dialect="native", name="n", version="1")
        await desk.engine.start(definition, start, Meta())
    await desk.settle()
    assert len(tasks(desk)) == 3
    await desk.answer()
    rows = await desk.store.views.executions("default")
    assert [row.status for row in rows] == ["succeeded"] * 3
