"""Workflows over HTTP: what is stored, what comes of it, and every status that is answered."""

import httpx
import pytest
from tests.conformance.client import Service, reply, sent
from tests.conformance.native import Native, calling, step, waiting, workflow


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


async def test_create_answers_with_the_stored_workflow(native: Native, service: Service) -> None:
    asked = workflow(calling(service, "a"), slug="order", tags={"team": "shop"})
    answer = await native.http.post("/v1/workflows", json=asked)
    assert answer.status_code == 201
    stored = answer.json()
    assert answer.headers["location"] == f"/v1/workflows/{stored['id']}"
    assert stored["version"] == 1
    assert {name: stored[name] for name in asked} == asked
    assert (await native.http.get(answer.headers["location"])).json() == stored
    assert (await native.http.get("/v1/workflows/order")).json() == stored


async def test_every_kind_of_step_comes_to_its_end(native: Native, service: Service) -> None:
    service.on("/a", reply({"n": 7}))
    child = await native.create(calling(service, "inner"), slug="child")
    id = await native.begin(
        calling(service, "a", request={"body": {"sku": "{{sku}}"}}),
        step("nap", "sleep", "a", sleep_duration_secs=0.01),
        step("sub", "sub_workflow", "nap", sub_workflow_id="child"),
        calling(service, "z", "sub", request={"body": {"n": "{{steps.a.output.n}}"}}),
        payload={"sku": "s-1"},
        slug="parent",
    )
    run = await native.end(id)
    assert run["status"] == "completed"
    assert sent(service.calls("/a")[0]) == {"sku": "s-1"}
    assert sent(service.calls("/z")[0]) == {"n": 7}
    steps = await native.steps(id)
    assert {each["status"] for each in steps.values()} == {"completed"}
    inner = await native.run(steps["sub"]["child_workflow_run_id"])
    assert (inner["workflow_id"], inner["workflow_version"]) == (child["id"], 1)


async def test_waits_and_approvals_wait(native: Native) -> None:
    id = await native.begin(waiting("paid"), step("ok", "approval"))
    await native.until_step(id, "paid", "waiting")
    await native.until_step(id, "ok", "waiting")
