"""The page of the runs dialect: starting and cancelling as its examples do."""

import httpx
import pytest
from tests.conformance.client import Service, reply
from tests.conformance.runs import Runs, calling, saying, workflow

NAME = "fetch-and-summarize"


@pytest.fixture
def runs(http: httpx.AsyncClient) -> Runs:
    return Runs(http)


async def test_a_workflow_is_triggered_as_the_page_does(runs: Runs) -> None:
    for text in ("first", "second"):
        await runs.apply(workflow(saying("a", text), name=NAME), NAME)
    # curl -s -X POST sends neither a body nor a type of one.
    answer = await runs.http.post(f"/api/v1/run/{NAME}")
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert found == {"execution_id": found["execution_id"], "workflow": NAME, "version": 2}
    ended = await runs.end(found["execution_id"])
    assert (ended["status"], ended["version"]) == ("completed", 2)


async def test_an_execution_is_cancelled_as_the_page_does(runs: Runs, service: Service) -> None:
    service.on("/slow", reply(delay=20))
    id = await runs.start(calling(service, "slow"))
    answer = await runs.http.post(f"/api/v1/cancel/{id}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"execution_id": id, "status": "cancelled"}
    assert (await runs.end(id))["status"] == "cancelled"
    answer = await runs.http.post("/api/v1/cancel/abc123-def456")
    assert answer.status_code == 404
    assert answer.json()["error"] == "no execution abc123-def456"
