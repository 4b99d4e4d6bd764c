"""Credentials in a definition reach the peer, and no reader of what happened."""

import asyncio

from tests.conformance.client import Sagas, Service

from mainspring.testing.peer import Call, Reply
from mainspring.testing.sagas import call, graph, task

HEADERS = {
    "Authorization": "Bearer s3cr3t-bearer",
    "Cookie": "session=s3cr3t-cookie",
    "X-Api-Key": "s3cr3t-api-key",
}


async def test_no_read_of_a_run_shows_a_credential_of_its_definition(
    sagas: Sagas, service: Service
) -> None:
    def echo(made: Call) -> Reply:
        told = " ".join([made.path, *made.headers.values()]).replace('"', "")
        return Reply(200, f'{{"told":"{told}"}}'.encode(), headers=(("X-Told", told),))

    service.respond("/a", echo)
    url = f"{service.url}/a?api_key=s3cr3t-query&q=1"
    node = task("a", action={"mode": "sync", "request": call(url, headers=HEADERS)})
    definition = graph(node, name="guarded")
    stored = (await sagas.http.post("/sagas/definitions", json=definition)).json()
    run = await sagas.http.post("/sagas/definitions/guarded/v1/run", json={})
    id = run.json()["id"]
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    [made] = service.calls("/a")
    assert made.headers["authorization"] == HEADERS["Authorization"]
    assert "s3cr3t-query" in made.path

    for path in (
        f"/sagas/{id}",
        f"/sagas/{id}/steps",
        f"/sagas/{id}/steps/calls",
        f"/sagas/{id}?as_of=999999999",
        f"/v1/workflow-runs/{id}/stream?after=0",
    ):
        answer = await sagas.http.get(path)
        assert answer.status_code == 200, path
        assert "s3cr3t" not in answer.text, path
    assert "[hidden]" in (await sagas.http.get(f"/sagas/{id}/steps/calls")).text
    assert "s3cr3t" not in await log_of_project(sagas, until="ExecutionSucceeded")

    # A definition is its owner's own document.
    shown = (await sagas.http.get(f"/sagas/definitions/{stored['id']}")).json()
    assert shown["definition"] == definition


async def log_of_project(sagas: Sagas, *, until: str) -> str:
    """Return the stream of the project's log, up to an event of that type."""
    told = ""
    async with asyncio.timeout(20), sagas.http.stream("GET", "/v1/log/stream?after=0") as stream:
        async for text in stream.aiter_text():
            told += text
            if f'"type":"{until}"' in told:
                break
    assert "DefinitionStored" in told
    return told
