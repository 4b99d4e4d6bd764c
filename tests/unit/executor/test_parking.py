"""Which tasks may begin, and in whose turn."""

from mainspring.domain.definition import Request
from mainspring.domain.task import CallId, Task
from mainspring_executor.parking import Parking


class Delivery:
    """A delivery that notes whether it was handed back."""

    subject = "tasks.http"
    data = b""
    redelivered = False

    def __init__(self) -> None:
        self.handed_back = 0

    def ack(self) -> None: ...
    def nak(self, delay: float = 0.0) -> None:
        self.handed_back += 1

    def working(self) -> None: ...


def task(project: str, n: int) -> Task:
    call = CallId(f"{project}-{n}", "a")
    return Task(call, 1.0, 1.0, "k", request=Request("http://a.test/"), project=project)


def test_one_project_alone_has_all_places_and_another_half_as_many_on_top() -> None:
    parking = Parking(8)
    begun = {"a": 0, "b": 0, "c": 0}
    for project in begun:
        while parking.may_begin(project):
            parking.shares.take(project)
            begun[project] += 1
    assert begun == {"a": 8, "b": 4, "c": 2}


def test_what_waits_begins_in_order_and_projects_take_turns() -> None:
    parking = Parking(2)
    parking.shares.take("a", 2)
    parking.shares.take("b", 1)
    for n in range(2):
        parking.park(task("a", n), Delivery())
    assert parking.is_full
    assert not parking.may_begin("a")
    assert parking.ready() is None
    parking.park(task("b", 0), Delivery())
    parking.shares.give_back("a", 2)
    ready: list[str] = []
    while (found := parking.ready()) is not None:
        ready.append(found[0].call.execution)
    assert ready == ["a-0", "b-0", "a-1"]
    assert not parking.is_full


def test_all_that_waits_can_be_handed_back() -> None:
    parking, deliveries = Parking(2), [Delivery(), Delivery()]
    for n, delivery in enumerate(deliveries):
        parking.park(task("a", n), delivery)
    assert len(list(parking.deliveries())) == 2
    parking.empty()
    assert [each.handed_back for each in deliveries] == [1, 1]
    assert parking.ready() is None
