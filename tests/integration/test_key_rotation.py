"""Callback keys are changed under running executions: old tokens hold until their key is gone."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

import httpx
import pytest
from tests.conformance.client import Sagas

from mainspring.testing.peer import Call, Peer, Reply, serve
from mainspring.testing.sagas import graph, task
from mainspring.testing.stack import Platform, platform

OLD, NEW = "old:" + "0d" * 32, "new:" + "1e" * 32
KEYS = "MAINSPRING_CALLBACK_KEYS"


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    def respond(_: Call) -> Reply:
        return Reply(202)

    with serve(respond) as other:
        yield other


@pytest.fixture(scope="module")
def stack() -> Iterator[Platform]:
    with platform(env={KEYS: OLD}) as whole:
        yield whole


@pytest.fixture
async def sagas(stack: Platform) -> AsyncGenerator[Sagas]:
    async with httpx.AsyncClient(base_url=stack.api, timeout=30, trust_env=False) as http:
        yield Sagas(http)


async def waiting(sagas: Sagas, peer: Peer) -> tuple[str, Call]:
    """Begin a run that waits for a callback; return it and the call that carried its token."""
    request = {"url": f"{peer.url}/ask", "verb": "POST"}
    callback = {"timeoutMillis": 600_000}
    action = {"mode": "async", "request": request, "callback": callback}
    id = await sagas.run(graph(task("ask", action=action)))
    await sagas.until(id, "WAITING_CALLBACK")
    [made] = [each for each in peer.to("/ask") if id in each.headers["x-callback-url"]]
    return id, made


async def restarted(stack: Platform, keys: str) -> None:
    for process in stack.processes:
        process.stop()
        process.tell(**{KEYS: keys})
        process.start()
    for process in stack.processes:
        await asyncio.to_thread(process.wait_ready)


async def test_a_token_holds_as_long_as_its_key_is_configured_and_no_longer(
    stack: Platform, sagas: Sagas, peer: Peer
) -> None:
    first, late = [await waiting(sagas, peer) for _ in range(2)]
    assert all(made.headers["x-callback-token"].startswith("old.") for _, made in (first, late))

    await restarted(stack, f"{NEW},{OLD}")
    assert await sagas.answer(first[1]) == 202
    assert (await sagas.end(first[0]))["status"] == "SUCCEEDED"
    newest = await waiting(sagas, peer)
    assert newest[1].headers["x-callback-token"].startswith("new.")

    await restarted(stack, NEW)
    url = late[1].headers["x-callback-url"]
    token = late[1].headers["x-callback-token"]
    refused = await sagas.http.post(url, headers={"X-Callback-Token": token})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"]
    assert refused.json() == {"errors": ["the callback token is not valid"]}
    assert (await sagas.get(late[0]))["status"] == "WAITING_CALLBACK"
    assert await sagas.answer(newest[1]) == 202
    assert (await sagas.end(newest[0]))["status"] == "SUCCEEDED"
