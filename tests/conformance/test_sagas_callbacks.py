"""Asynchronous tasks, and the answers to them."""

from typing import Any

import pytest
from tests.conformance.client import RETRY, Json, Sagas, Service, awaiting, calling, reply, sent

from mainspring.testing.peer import Reply
from mainspring.testing.sagas import graph

OTHER: dict[str, Any] = {"X-Project-Id": "default"}


async def test_an_async_task_waits_for_its_callback(sagas: Sagas, service: Service) -> None:
    service.on("/ask", reply({"taken": True}, status=202))
    last = calling(service, "last", request={"body": {"got": "{{nodes.ask.callback.body.n}}"}})
    id = await sagas.run(graph(awaiting(service, then="last"), last))
    waiting = await sagas.until(id, "WAITING_CALLBACK")
    assert waiting["currentNodes"] == ["ask"]
    (made,) = service.calls("/ask")
    assert sent(made)["answerTo"] == made.headers["x-callback-url"]
    assert made.headers["x-callback-url"].endswith(f"/sagas/{id}/node/ask/callback")
    assert await sagas.answer(made, {"n": 7}) == 202
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    assert sent(service.calls("/last")[0]) == {"got": 7}
    rows = await sagas.steps(id)
    assert [each["phase"] for each in rows] == ["UP", "CALLBACK", "UP"]
    assert rows[0]["responseBody"] == {"taken": True}
    assert rows[1]["responseBody"] == {"n": 7}


async def test_a_callback_needs_no_project(sagas: Sagas, service: Service) -> None:
    id = await sagas.run(graph(awaiting(service)))
    await sagas.until(id, "WAITING_CALLBACK")
    made = service.calls("/ask")[0]
    assert await sagas.answer(made, None, **OTHER) == 202
    assert (await sagas.end(id))["status"] == "SUCCEEDED"


async def test_every_wrong_callback_has_its_status(sagas: Sagas, service: Service) -> None:
    id = await sagas.run(graph(awaiting(service, then="other"), calling(service, "other")))
    await sagas.until(id, "WAITING_CALLBACK")
    token = service.calls("/ask")[0].headers["x-callback-token"]

    async def post(path: str, token: str | None) -> tuple[int, Json]:
        headers = {"X-Callback-Token": token} if token is not None else {}
        answer = await sagas.http.post(f"/sagas/{path}/callback", headers=headers, content=b"x")
        return answer.status_code, answer.json() if answer.content else {}

    nobody = "00000000-0000-7000-8000-000000000000"
    assert await post(f"{id}/node/ask", None) == (400, {"errors": ["X-Callback-Token: is missing"]})
    for forged in (token[:-1] + ("A" if token[-1] != "A" else "B"), "x", "a.b.c", token + "x"):
        assert (await post(f"{id}/node/ask", forged))[0] == 401
    assert (await post(f"{id}/node/other", token))[0] == 401
    assert (await post(f"{nobody}/node/ask", token))[0] == 404
    assert (await post(f"{id}/node/nobody", token))[0] == 404
    assert (await post("not-an-id/node/ask", token))[0] == 404
    assert (await post(f"{id}/node/ask", token))[0] == 202
    assert (await post(f"{id}/node/ask", token))[0] == 409
    assert (await sagas.end(id))["status"] == "SUCCEEDED"


async def test_failure_when_goes_before_success_when(sagas: Sagas, service: Service) -> None:
    rules: Json = {
        "failureWhen": {"==": [{"var": "callback.body.state"}, "bad"]},
        "successWhen": {"==": [{"var": "callback.body.for"}, {"var": "input.for"}]},
    }
    for body, status in (
        ({"state": "bad", "for": 1}, "FAILED"),
        ({"state": "good", "for": 2}, "FAILED"),
        ({"state": "good", "for": 1}, "SUCCEEDED"),
    ):
        id = await sagas.run(graph(awaiting(service, **rules)), {"for": 1})
        await sagas.until(id, "WAITING_CALLBACK")
        assert await sagas.answer(service.calls("/ask")[-1], body) == 202
        assert (await sagas.end(id))["status"] == status


async def test_a_failing_callback_is_tried_again_with_a_fresh_token(
    sagas: Sagas, service: Service
) -> None:
    rule: Json = {"successWhen": {"var": "callback.body.ok"}}
    id = await sagas.run(graph(awaiting(service, **rule), failureHandling=RETRY))
    await sagas.until(id, "WAITING_CALLBACK")
    first = service.calls("/ask")[0]
    assert await sagas.answer(first, {"ok": False}) == 202
    await service.called("/ask", 2)
    await sagas.until(id, "WAITING_CALLBACK")
    second = service.calls("/ask")[1]
    assert first.headers["x-callback-token"] != second.headers["x-callback-token"]
    assert await sagas.answer(first, {"ok": True}) == 409
    assert await sagas.answer(second, {"ok": True}) == 202
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    phases = [(each["phase"], each["success"]) for each in await sagas.steps(id)]
    assert phases == [("UP", True), ("CALLBACK", False), ("UP", True), ("CALLBACK", True)]


async def test_a_callback_that_never_comes_is_a_failure(sagas: Sagas, service: Service) -> None:
    ended = await sagas.ran(graph(awaiting(service, timeout=100)))
    assert ended["status"] == "FAILED"
    assert ended["failureDescription"] == "callback timeout for node ask"
    last = (await sagas.steps(ended["id"]))[-1]
    assert (last["phase"], last["success"]) == ("CALLBACK", False)
    assert await sagas.answer(service.calls("/ask")[0]) == 410


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_accepts_an_async_task(sagas: Sagas, service: Service, status: int) -> None:
    service.on("/ask", Reply(status, b""))
    id = await sagas.run(graph(awaiting(service)))
    await sagas.until(id, "WAITING_CALLBACK")


async def test_accepted_codes_narrow_what_accepts(sagas: Sagas, service: Service) -> None:
    node = awaiting(service)
    node["action"]["acceptedStatusCodes"] = [202]
    service.on("/ask", reply(status=200))
    ended = await sagas.ran(graph(node))
    assert ended["failureDescription"] == "node=ask status=200"


@pytest.mark.parametrize("id", ["pay / now", "größe", "50%", "a:b?c#d"])
async def test_a_node_of_any_name_can_be_answered(sagas: Sagas, service: Service, id: str) -> None:
    run = await sagas.run(graph(awaiting(service) | {"id": id}))
    await sagas.until(run, "WAITING_CALLBACK")
    assert await sagas.answer(service.calls("/ask")[0]) == 202
    assert (await sagas.end(run))["status"] == "SUCCEEDED"
