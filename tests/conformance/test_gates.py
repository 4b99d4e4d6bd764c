"""Gates of flows: found, approved by as many as it needs, rejected, timed out."""

from typing import Any

import httpx
import msgspec
import pytest
from tests.conformance.client import Service, sent
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


async def said(flows: Flows, id: str, level: str) -> Json:
    """Follow an execution's log to its first line of a level."""
    path, accept = f"/api/v1/executions/{id}/logs", {"Accept": "text/event-stream"}
    query = {"types": "log", "level": level}
    async with flows.http.stream("GET", path, params=query, headers=accept) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                return msgspec.json.decode(line.removeprefix("data:"))
    raise AssertionError("the log ended without such a line")


async def test_who_is_to_know_of_a_gate_is_told_when_it_opens(
    flows: Flows, service: Service
) -> None:
    addresses = [{"url": service.url + "/ann"}, service.url + "/bob"]
    id, found = await opened(flows, gate(notify=addresses, timeout="1h"))
    (ann,), (bob,) = await service.called("/ann"), await service.called("/bob")
    told = sent(ann)
    assert told == sent(bob)
    assert told == {
        "executionId": id,
        "taskName": "gate",
        "approvalId": found["id"],
        "namespace": flows.http.headers["X-Project-Id"],
        "message": "Pay out?",
        "expiresAt": found["expiresAt"],
    }
    keys = {call.headers["idempotency-key"] for call in (ann, bob)}
    assert len(keys) == 2
    line = await said(flows, id, "INFO")
    assert (line["taskName"], line["message"]) == ("gate", f"{service.url}/ann was told")
    await decide(flows, told["approvalId"], "approve", "ann")
    assert (await flows.end(id))["execution"]["status"] == "SUCCESS"


async def test_a_notice_that_cannot_be_sent_stands_in_the_log_and_holds_up_nothing(
    flows: Flows, service: Service
) -> None:
    addresses = ["http://169.254.169.254/", service.url + "/bob"]
    id, found = await opened(flows, gate(notify=addresses))
    line = await said(flows, id, "ERROR")
    assert line["taskName"] == "gate"
    assert line["message"].startswith("http://169.254.169.254/ was not told")
    await service.called("/bob")
    await decide(flows, found["id"], "approve", "ann")
    ended = await flows.end(id)
    assert (ended["execution"]["status"], ended["execution"]["warning"]) == ("SUCCESS", None)


async def test_a_rejection_takes_the_branch_that_is_there_for_it(flows: Flows) -> None:
    reason = '{{ outputs["gate"]["comment"] }}'
    asks = gate(onReject=[task("sorry", properties={"message": reason}), task("bye")])
    for what, taken, left in (
        ("reject", ["sorry", "bye"], ["ship", "tell"]),
        ("approve", ["ship", "tell"], ["sorry", "bye"]),
    ):
        made = await flows.create(asks, task("ship"), task("tell"), name=what)
        id = await flows.execute(made["id"])
        await flows.until(id, "PAUSED")
        query = {"executionId": id}
        (found,) = (await flows.http.get(GATES, params=query)).json()
        decided = await decide(flows, found["id"], what, "ann", comment="too dear")
        ended = await flows.end(id)
        assert ended["execution"]["status"] == "SUCCESS", ended
        statuses = statuses_of(ended)
        assert {statuses[name] for name in ("gate", *taken)} == {"SUCCESS"}
        assert {statuses[name] for name in left} == {"SKIPPED"}
        assert decided.json()["status"] == {"reject": "REJECTED", "approve": "APPROVED"}[what]
        assert (await flows.http.get(f"{GATES}/{found['id']}")).json() == decided.json()
        if what == "reject":
            gave = outputs_of(ended, "gate")
            assert (gave["approved"], gave["decidedBy"]) == (False, "ann")
            assert outputs_of(ended, "sorry")["message"] == "too dear"
            late = await decide(flows, found["id"], "approve", "bob")
            assert (late.status_code, "REJECTED" in late.json()["error"]) == (409, True)


async def test_nobody_in_time_may_be_a_rejection_that_has_its_branch(flows: Flows) -> None:
    asks = gate(timeout="300ms", onTimeout="reject", onReject=[task("sorry")])
    made = await flows.create(asks, task("ship"))
    ended = await flows.end(await flows.execute(made["id"]))
    assert ended["execution"]["status"] == "SUCCESS", ended
    assert statuses_of(ended) == {"gate": "SUCCESS", "sorry": "SUCCESS", "ship": "SKIPPED"}
    query = {"executionId": ended["id"], "status": "REJECTED"}
    (found,) = (await flows.http.get(GATES, params=query)).json()
    assert (found["decidedBy"], found["decisions"]) == (None, [])


async def test_an_approval_says_how_it_ended_also_when_nobody_decided(flows: Flows) -> None:
    expected = {"fail": "EXPIRED", "approve": "APPROVED", "reject": "REJECTED"}
    for on_timeout, status in expected.items():
        made = await flows.create(gate(timeout="100ms", onTimeout=on_timeout), name=on_timeout)
        id = (await flows.end(await flows.execute(made["id"])))["id"]
        (found,) = (await flows.http.get(GATES, params={"executionId": id})).json()
        assert (found["status"], found["decidedBy"], found["decisions"]) == (status, None, [])
        late = await decide(flows, found["id"], "approve", "ann")
        assert (late.status_code, status in late.json()["error"]) == (409, True)
    id, found = await opened(flows, gate())
    await flows.http.post(f"/api/v1/executions/{id}/cancel")
    await flows.until(id, "CANCELLED")
    gone = (await flows.http.get(f"{GATES}/{found['id']}")).json()
    assert gone["status"] == "CANCELLED"
    listed = await flows.http.get(GATES, params={"status": "CANCELLED,EXPIRED"})
    assert [each["status"] for each in listed.json()] == ["CANCELLED", "EXPIRED"]
