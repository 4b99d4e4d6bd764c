"""What is refused for its number: in each dialect's shape, and with when to come again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from mainspring.bus.memory import MemoryBus
from mainspring.domain.limits import parse
from mainspring.http.crowd import Crowd
from mainspring.http.health import Health
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.config import Config
from mainspring.runtime.world import World
from mainspring.store.memory import MemoryStore
from mainspring_api.app import application, dialect_of
from mainspring_api.context import api_of
from mainspring_api.gateway import Gateway

Json = dict[str, Any]
Client = Callable[..., httpx.AsyncClient]
SAGA: Json = {
    "definition": {
        "name": "s",
        "version": "v1",
        "failureHandling": {"type": "retry", "maxAttempts": 1, "delayMillis": 1},
        "entrypoint": "nap",
        "nodes": [{"kind": "sleep", "id": "nap", "durationMillis": 1000}],
    },
    "payload": {},
}
FLOW = {"name": "f", "tasks": [{"name": "a", "type": "util.log", "properties": {"message": "x"}}]}
NATIVE = {"name": "N", "slug": "n", "steps": [{"step_ref": "a", "step_type": "approval"}]}
RUNS = "name: r\nsteps: [{name: a, action: util.log, params: {message: x}}]\n"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """An api on memory, without any scheduler, under the variables that are given."""
    opened: list[httpx.AsyncClient] = []

    def start(**told: Any) -> httpx.AsyncClient:
        clock, store = SystemClock(), MemoryStore()
        world = World(
            config=Config(service="api", database_url="", nats_url="", **told),
            log=store.log,
            views=store.views,
            blobs=store.blobs,
            snapshots=store.snapshots,
            bus=MemoryBus(clock),
            health=Health(clock),
            draining=asyncio.Event(),
        )
        app = application(world, api_of(world), Gateway("http://127.0.0.1:1", world.draining))
        opened.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api"))
        return opened[-1]

    yield start
    for each in opened:
        await each.aclose()


async def prepared(http: httpx.AsyncClient) -> dict[str, tuple[str, Json]]:
    """Store a definition of each dialect; return how it is started."""
    flow = await http.post(
        "/api/v1/flows", json={"yamlContent": msgspec.json.encode(FLOW).decode()}
    )
    native = await http.post("/v1/workflows", json=NATIVE)
    yaml = {"Content-Type": "application/yaml"}
    run = await http.put("/api/v1/workflows/r", content=RUNS, headers=yaml)
    assert (flow.status_code, native.status_code, run.status_code) == (201, 201, 201)
    return {
        "sagas": ("/sagas/run", SAGA),
        "flows": (f"/api/v1/flows/{flow.json()['id']}/execute", {"inputs": {}}),
        "runs": ("/api/v1/run/r", {"inputs": {}}),
        "native": ("/v1/workflows/n/trigger", {"payload": {}}),
    }


async def test_a_limit_is_429_with_retry_after_and_its_name_in_every_dialects_shape(
    client: Client,
) -> None:
    http = client(limits=parse("default/* runs=1"))
    text = "may have 1 runs that have not ended (limit default/* runs)"
    for dialect, (path, body) in (await prepared(http)).items():
        assert (await http.post(path, json=body)).status_code == 202
        answer = await http.post(path, json=body)
        assert answer.status_code == 429, dialect
        assert int(answer.headers["Retry-After"]) >= 1
        match answer.json():
            case {"errors": [said]}:
                assert dialect == "sagas"
            case {"error": {"code": "rate_limited", "message": said}}:
                assert dialect == "native"
            case {"error": said, "code": "rate_limited"}:
                assert dialect in ("flows", "runs")
            case other:
                pytest.fail(f"no shape of any dialect: {other}")
        assert text in said


async def test_an_answer_under_a_key_is_given_again_whatever_limits_say(client: Client) -> None:
    http = client(limits=parse("* runs=1"))
    key = {"Idempotency-Key": "k"}
    first = await http.post("/sagas/run", json=SAGA, headers=key)
    again = await http.post("/sagas/run", json=SAGA, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    other = await http.post("/sagas/run", json=SAGA, headers={"Idempotency-Key": "l"})
    assert other.status_code == 429
    reread = await http.post("/sagas/run", json=SAGA, headers={"Idempotency-Key": "l"})
    assert reread.status_code == 429, "a refusal is not kept under the key"


async def test_a_queue_that_is_full_is_503_and_reads_go_on(client: Client) -> None:
    http = client(max_queued=8)
    statuses = [
        (await http.post("/sagas/run", json=SAGA, headers={"X-Project-Id": f"p{n}"})).status_code
        for n in range(20)
    ]
    assert statuses == [202] * 8 + [503] * 12
    listed = await http.get("/sagas", headers={"X-Project-Id": "p1"})
    assert (listed.status_code, len(listed.json())) == (200, 1)


async def test_a_flood_of_one_project_is_refused_by_its_name_and_others_are_served(
    client: Client,
) -> None:
    http = client(max_queued=40)
    flood = {"X-Project-Id": "flood"}
    answers = await asyncio.gather(
        *(http.post("/sagas/run", json=SAGA, headers=flood) for _ in range(200))
    )
    taken = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(taken), len(refused)) == (20, 180)
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert "(limit flood queued)" in refused[0].text
    others = await asyncio.gather(
        *(http.post("/sagas/run", json=SAGA, headers={"X-Project-Id": "b"}) for _ in range(10))
    )
    assert {answer.status_code for answer in others} == {202}


class Held:
    """An application that serves nobody before it is told to, and counts whom it holds."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if scope["method"] not in ("GET", "HEAD"):
            await self.go.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def crowded(crowd: Crowd, *, project: bytes, size: int = 10, method: str = "POST") -> int:
    """Send a request and return the status; a refusal says when to come again."""
    headers = [(b"x-project-id", project), (b"content-length", str(size).encode())]
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": "/sagas/run",
        "headers": headers,
        "query_string": b"",
        "state": {"request_id": "r"},
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await crowd(scope, receive, send)
    if sent[0]["status"] == 503:
        assert (b"retry-after", b"1") in sent[0]["headers"]
    return sent[0]["status"]


async def test_no_more_requests_are_held_than_there_are_places_and_each_gets_an_answer() -> None:
    held = Held()
    crowd = Crowd(held, 64, dialect_of)
    flood = [asyncio.create_task(crowded(crowd, project=b"flood")) for _ in range(500)]
    await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop
    others = [asyncio.create_task(crowded(crowd, project=b"b")) for _ in range(8)]
    await asyncio.sleep(0)  # noqa: TID251
    assert await crowded(crowd, project=b"flood", method="GET") == 202
    held.go.set()
    statuses = await asyncio.gather(*flood)
    assert (statuses.count(202), statuses.count(503)) == (32, 468)
    assert set(await asyncio.gather(*others)) == {202}
    assert held.most <= 64
    assert await crowded(crowd, project=b"flood") == 202


async def test_a_large_body_takes_the_places_of_many() -> None:
    held = Held()
    crowd = Crowd(held, 64, dialect_of)
    large = 16 * 64 * 1024
    tasks = [asyncio.create_task(crowded(crowd, project=b"a", size=large)) for _ in range(20)]
    await asyncio.sleep(0)  # noqa: TID251
    assert held.inside == 2
    held.go.set()
    assert sorted(await asyncio.gather(*tasks)) == [202] * 2 + [503] * 18
