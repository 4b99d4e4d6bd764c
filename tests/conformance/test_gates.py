"""Gates of flows: found, approved by as many as it needs, rejected, timed out."""

from typing import Any

import httpx
import pytest
from tests.conformance.flows import Flows, outputs_of, statuses_of, task

Json = dict[str, Any]
GATES = "/api/v1/approvals"


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


def gate(**properties: Any) -> Json:
    return task("gate", "core.gate", properties={"message": "Pay out?", **properties})


async def opened(flows: Flows, *tasks: Json) -> tuple[str, Json]:
    """Execute a flow until its gate is open; return the execution and the approval."""
    made = await flows.create(*tasks)
    id = await flows.execute(made["id"])
    await flows.until(id, "PAUSED")
    (found,) = (await flows.http.get(GATES, params={"status": "PENDING"})).json()
    assert found["executionId"] == id
    return id, found


async def decide(flows: Flows, id: str, what: str, actor: str, **body: Any) -> httpx.Response:
    headers = {"X-Actor-Id": actor}
    return await flows.http.post(f"{GATES}/{id}/{what}", json=body, headers=headers)


async def test_an_approval_lets_the_execution_go_on_with_what_it_brought(flows: Flows) -> None:
    schema = {
        "type": "object",
        "properties": {"amount": {"type": "number"}},
        "required": ["amount"],
    }
    after = task("after", properties={"message": '{{ outputs["gate"]["inputs"]["amount"] }}'})
    id, found = await opened(flows, gate(inputsSchema=schema), after)
    assert found["status"] == "PENDING"
    assert (found["taskName"], found["message"]) == ("gate", "Pay out?")
    assert found["inputsSchema"] == schema
    missing = await decide(flows, found["id"], "approve", "ann")
    assert missing.status_code == 400, missing.text
    assert "amount" in missing.text
    approved = await decide(
        flows, found["id"], "approve", "ann", comment="fine", inputs={"amount": 7}
    )
    assert approved.status_code == 200, approved.text
    assert approved.json()["status"] == "APPROVED"
    assert approved.json()["decidedBy"] == "ann"
    ended = await flows.end(id)
    assert ended["execution"]["status"] == "SUCCESS"
    told = outputs_of(ended, "gate")
    assert (told["approved"], told["comment"], told["inputs"]) == (True, "fine", {"amount": 7})
    assert outputs_of(ended, "after")["message"] in ("7", 7)
    assert (await flows.http.get(f"{GATES}/{found['id']}")).json()["status"] == "APPROVED"


async def test_a_rejection_stops_the_execution(flows: Flows) -> None:
    id, found = await opened(flows, gate(), task("after"))
    rejected = await decide(flows, found["id"], "reject", "ann", comment="too dear")
    assert rejected.json()["status"] == "REJECTED"
    ended = await flows.end(id)
    assert ended["execution"]["status"] == "FAILED"
    assert "too dear" in ended["execution"]["error"]
    assert statuses_of(ended)["after"] == "SKIPPED"


async def test_a_second_decision_is_refused_and_the_same_one_again_is_not(flows: Flows) -> None:
    _, found = await opened(flows, gate())
    first = await decide(flows, found["id"], "approve", "ann")
    again = await decide(flows, found["id"], "approve", "ann")
    assert (first.status_code, again.status_code) == (200, 200)
    other = await decide(flows, found["id"], "reject", "bob")
    assert other.status_code == 409
    assert "APPROVED" in other.json()["error"]


async def test_as_many_people_have_to_approve_as_the_gate_needs(flows: Flows) -> None:
    id, found = await opened(flows, gate(required=2))
    assert found["requiredApprovals"] == 2
    one = await decide(flows, found["id"], "approve", "ann", comment="a")
    assert one.json()["status"] == "PENDING", one.text
    again = await decide(flows, found["id"], "approve", "ann", comment="a")  # counts once
    assert again.json() == one.json()
    assert [each["actor"] for each in one.json()["decisions"]] == ["ann"]
    two = await decide(flows, found["id"], "approve", "bob")
    assert two.json()["status"] == "APPROVED"
    assert [each["actor"] for each in two.json()["decisions"]] == ["ann", "bob"]
    assert (await flows.end(id))["execution"]["status"] == "SUCCESS"


async def test_only_approvers_may_decide(flows: Flows) -> None:
    _, found = await opened(flows, gate(approvers={"users": ["ann"]}))
    assert found["approvers"] == ["ann"]
    assert (await decide(flows, found["id"], "approve", "eve")).status_code == 403
    assert (await decide(flows, found["id"], "approve", "ann")).status_code == 200


@pytest.mark.parametrize(
    ("on_timeout", "status"), [("fail", "FAILED"), ("approve", "SUCCESS"), ("reject", "FAILED")]
)
async def test_a_gate_that_nobody_decides_ends_as_it_says(
    flows: Flows, on_timeout: str, status: str
) -> None:
    made = await flows.create(gate(timeout="300ms", onTimeout=on_timeout))
    ended = await flows.end(await flows.execute(made["id"]))
    assert ended["execution"]["status"] == status, ended["execution"]


async def test_an_approval_of_another_namespace_is_not_there(flows: Flows) -> None:
    _, found = await opened(flows, gate())
    stranger = {"X-Project-Id": "stranger"}
    path = f"{GATES}/{found['id']}"
    assert (await flows.http.get(path, headers=stranger)).status_code == 404
    answer = await flows.http.post(f"{path}/approve", json={}, headers=stranger)
    assert answer.status_code == 404
    assert (await flows.http.get(GATES, headers=stranger)).json() == []
    assert (await flows.http.get(f"{GATES}/nothing")).status_code == 404
    wrong = await flows.http.get(GATES, params={"status": "OPEN", "executionId": "x"})
    assert [each.partition(":")[0] for each in wrong.json()["details"]] == ["status", "executionId"]
