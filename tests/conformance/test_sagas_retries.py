"""What is tried again, how often, and when."""

from tests.conformance.client import RETRY, Sagas, Service, calling, reply

from mainspring.testing.sagas import graph


async def test_max_attempts_counts_retries(sagas: Sagas, service: Service) -> None:
    service.on("/a", reply(status=500))
    ended = await sagas.ran(graph(calling(service, "a"), failureHandling=RETRY))
    assert ended["status"] == "FAILED"
    assert len(service.calls("/a")) == 3
    calls = await sagas.calls(ended["id"])
    assert [each["attempt"] for each in calls] == [0, 1, 2]
    assert {each["statusCode"] for each in calls} == {500}
    steps = await sagas.steps(ended["id"])
    assert [each["success"] for each in steps] == [False, False, False]


async def test_a_node_may_narrow_what_is_retried(sagas: Sagas, service: Service) -> None:
    service.on("/a", reply(status=404))
    node = calling(service, "a", retryOn=["5xx"])
    ended = await sagas.ran(graph(node, failureHandling=RETRY))
    assert ended["status"] == "FAILED"
    assert len(service.calls("/a")) == 1


async def test_a_task_that_takes_too_long_has_failed(sagas: Sagas, service: Service) -> None:
    service.on("/a", reply(delay=5.0))
    ended = await sagas.ran(graph(calling(service, "a", timeoutMillis=100)))
    assert ended["status"] == "FAILED"
    (made,) = await sagas.calls(ended["id"])
    assert "statusCode" not in made
    assert made["error"]


async def test_retry_after_is_honoured(sagas: Sagas, service: Service) -> None:
    service.on("/a", reply(status=503, retry_after="1"), reply())
    ended = await sagas.ran(graph(calling(service, "a"), failureHandling=RETRY))
    assert ended["status"] == "SUCCEEDED"
    first, second = service.calls("/a")
    assert second.at - first.at >= 0.99


async def test_codes_of_the_definition_decide_what_success_is(
    sagas: Sagas, service: Service
) -> None:
    service.on("/a", reply(status=404))
    node = calling(service, "a", request={"successStatusCodes": [404]})
    assert (await sagas.ran(graph(node)))["status"] == "SUCCEEDED"
