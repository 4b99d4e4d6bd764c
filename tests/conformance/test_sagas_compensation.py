"""Undoing, and the notices at the end of a run."""

from tests.conformance.client import RETRY, Json, Sagas, Service, calling, reply, sent, undo

from mainspring.testing.sagas import call, graph


async def test_completed_nodes_are_undone_in_reverse_and_see_all_results(
    sagas: Sagas, service: Service
) -> None:
    service.on("/a", reply({"id": "A"}))
    service.on("/c", reply(status=500))
    seen = call(f"{service.url}/undo-a", body={"id": "{{nodes.a.response.body.id}}{{phase}}"})
    nodes = [
        calling(service, "a", "b", compensation=seen),
        calling(service, "b", "c", compensation=undo(service, "b")),
        calling(service, "c", compensation=undo(service, "c")),
    ]
    ended = await sagas.ran(graph(*nodes))
    assert ended["status"] == "FAILED"
    assert ended["failureDescription"] == "node=c status=500"
    assert service.order() == ["/a", "/b", "/c", "/undo-b", "/undo-a"]
    assert sent(service.calls("/undo-a")[0]) == {"id": "ADOWN"}
    downs = [each for each in await sagas.steps(ended["id"]) if each["phase"] == "DOWN"]
    assert [(each["stepName"], each["stepIndex"]) for each in downs] == [("b", 1), ("a", 0)]


async def test_a_compensation_that_fails_for_good_does_not_stop_the_others(
    sagas: Sagas, service: Service
) -> None:
    service.on("/c", reply(status=500))
    service.on("/undo-b", reply(status=500))
    nodes = [
        calling(service, "a", "b", compensation=undo(service, "a")),
        calling(service, "b", "c", compensation=undo(service, "b")),
        calling(service, "c"),
    ]
    definition = graph(*nodes, onFailureCallback=call(f"{service.url}/failed"))
    ended = await sagas.ran(definition)
    assert ended["status"] == "CORRUPTED"
    assert ended["failureDescription"] == "node=c status=500; compensation failed: b"
    assert len(service.calls("/undo-a")) == 1
    assert len(await service.called("/failed")) == 1


async def test_retry_of_a_corrupted_saga_retries_what_could_not_be_undone(
    sagas: Sagas, service: Service
) -> None:
    service.on("/b", reply(status=500))
    service.on("/undo-a", reply(status=500), reply())
    nodes = [
        calling(service, "a", "b", compensation=undo(service, "a")),
        calling(service, "b"),
    ]
    id = (await sagas.ran(graph(*nodes)))["id"]
    assert (await sagas.get(id))["status"] == "CORRUPTED"
    assert (await sagas.http.post(f"/sagas/{id}/retry")).status_code == 202
    assert (await sagas.end(id))["status"] == "FAILED"
    assert service.order() == ["/a", "/b", "/undo-a", "/undo-a"]


async def test_on_success_is_called_durably_and_its_failure_is_a_warning(
    sagas: Sagas, service: Service
) -> None:
    service.on("/done", reply(status=500), reply())
    told = call(f"{service.url}/done", body={"id": "{{sagaId}}"})
    definition = graph(calling(service, "a"), onSuccessCallback=told, failureHandling=RETRY)
    ended = await sagas.ran(definition)
    assert ended["status"] == "SUCCEEDED"
    first, second = await service.called("/done", 2)
    assert sent(first) == sent(second) == {"id": ended["id"]}

    service.on("/done", reply(status=400))
    ended = await sagas.ran(definition | {"failureHandling": None})
    await service.called("/done", 3)
    warned = await warning(sagas, ended["id"])
    assert warned["status"] == "SUCCEEDED"
    assert "status=400" in warned["callbackWarning"]


async def warning(sagas: Sagas, id: str) -> Json:
    """Follow the stream of the project until a run has its warning."""
    async with sagas.http.stream("GET", "/v1/log/stream?types=StepFailed") as stream:
        async for line in stream.aiter_lines():
            saga = await sagas.get(id)
            if "callbackWarning" in saga:
                return saga
            assert line is not None
    raise AssertionError("the stream ended")


async def test_on_failure_is_called_after_the_compensations(sagas: Sagas, service: Service) -> None:
    service.on("/b", reply(status=500))
    definition = graph(
        calling(service, "a", "b", compensation=undo(service, "a")),
        calling(service, "b"),
        onFailureCallback=call(f"{service.url}/failed"),
    )
    await sagas.ran(definition)
    await service.called("/failed")
    assert service.order() == ["/a", "/b", "/undo-a", "/failed"]


async def test_the_older_form_runs_in_order_and_is_undone_in_reverse(
    sagas: Sagas, service: Service
) -> None:
    service.on("/c", reply(status=500))
    steps = [
        {"name": name, "up": call(f"{service.url}/{name}"), "down": undo(service, name)}
        for name in "abc"
    ]
    ended = await sagas.ran({"name": "old", "version": "1", "steps": steps})
    assert ended["status"] == "FAILED"
    assert service.order() == ["/a", "/b", "/c", "/undo-b", "/undo-a"]
    assert [each["stepIndex"] for each in await sagas.steps(ended["id"])] == [0, 1, 2, 1, 0]
