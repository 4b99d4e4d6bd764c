"""What tasks say: kept in order, told live and afterwards alike, bounded, and resumable."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
import websockets
from tests.conformance.flows import Flows, task

from mainspring.testing.stack import Platform

Json = dict[str, Any]


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


def says(name: str, message: Any, level: str = "INFO", **more: Any) -> Json:
    return task(name, properties={"message": message, "level": level}, **more)


async def lines(flows: Flows, id: str, **query: Any) -> list[Json]:
    answer = await flows.http.get(f"/api/v1/executions/{id}/logs", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_lines_are_kept_in_order_with_their_task_level_and_attempt(flows: Flows) -> None:
    ended = await flows.ran(says("a", "one"), says("b", {"n": 2}, "WARN"), says("c", "drei ß"))
    found = await lines(flows, ended["execution"]["id"])
    told = [(each["taskName"], each["level"], each["message"]) for each in found]
    assert told[0] == ("a", "INFO", "one")
    assert told[1][:2] == ("b", "WARN")
    assert msgspec.json.decode(told[1][2]) == {"n": 2}
    assert told[2] == ("c", "INFO", "drei ß")
    assert all(each["type"] == "log" and each["attempt"] == 1 for each in found)
    numbers = [each["seq"] for each in found]
    assert numbers == sorted(set(numbers))
    assert await lines(flows, ended["execution"]["id"], since=numbers[0]) == found[1:]
    assert await lines(flows, ended["execution"]["id"], level="WARN") == [found[1]]
    assert await lines(flows, ended["execution"]["id"], task="c") == [found[2]]


async def test_a_websocket_delivers_lines_live_and_ends_with_the_execution(
    flows: Flows, stack: Platform
) -> None:
    made = await flows.create(says("a", "before"), task("gate", "core.gate"), says("b", "after"))
    id = await flows.execute(made["id"])
    url = stack.api.replace("http://", "ws://") + f"/api/v1/executions/{id}/logs"
    seen: list[Json] = []
    async with asyncio.timeout(30), websockets.connect(url) as socket:
        async for message in socket:
            frame = msgspec.json.decode(message)
            seen.append(frame)
            if frame.get("taskName") == "gate" and frame.get("status") == "WAITING":
                (gate,) = (await flows.http.get("/api/v1/approvals?status=PENDING")).json()
                await flows.http.post(f"/api/v1/approvals/{gate['id']}/approve", json={})
    assert [each["message"] for each in seen if each["type"] == "log"] == ["before", "after"]
    assert seen[-1]["type"] == "end"
    assert seen[-1]["status"] == "SUCCESS"
    middle = seen[len(seen) // 2]["seq"]
    async with websockets.connect(f"{url}?since={middle}") as socket:
        rest = [msgspec.json.decode(each) async for each in socket]
    assert rest == [each for each in seen if each["seq"] > middle]


async def test_an_attempt_keeps_a_bounded_number_of_lines_and_says_so(flows: Flows) -> None:
    script = "for n in range(5000): print(n)"
    ended = await flows.ran(task("much", "script.python", properties={"script": script}))
    id = ended["execution"]["id"]
    found: list[Json] = []
    since = 0
    while page := await lines(flows, id, since=since):
        found += page
        since = page[-1]["seq"]
    assert len(found) <= 1001
    assert [each["message"] for each in found[:3]] == ["0", "1", "2"]
    assert "dropped" in found[-1]["message"]


async def test_lines_of_every_try_are_kept(flows: Flows) -> None:
    failing = task(
        "no",
        "script.python",
        properties={"script": "print('trying'); raise SystemExit(3)"},
        retry={"maxAttempts": 2, "delay": "10ms"},
    )
    ended = await flows.ran(failing)
    assert ended["execution"]["status"] == "FAILED"
    found = await lines(flows, ended["execution"]["id"])
    assert [each["attempt"] for each in found if each["message"] == "trying"] == [1, 2]
