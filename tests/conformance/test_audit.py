"""Who asked for what can be read, newest first, and what was only decided is not in it."""

from typing import Any

import httpx
from tests.conformance.client import Service
from tests.conformance.flows import text, values
from tests.conformance.native import Native, calling

WHO = {"X-Actor-Id": "ann"}


async def test_what_was_asked_for_is_told_newest_first(
    http: httpx.AsyncClient, service: Service
) -> None:
    native = Native(http)
    run = await native.ran(calling(service, "a"))
    namespace = http.headers["X-Project-Id"]
    await http.put(f"/api/v1/kv/{namespace}/k", json=1, headers=WHO)
    await http.delete(f"/api/v1/kv/{namespace}/k", headers=WHO)
    found = (await http.get("/api/v1/audit")).json()
    assert [each["action"] for each in found] == [
        "kv.delete",
        "kv.set",
        "execution.start",
        "definition.store",
    ]
    assert found[2]["resourceId"] == run["id"]
    assert found[0]["actor"] == "ann"
    assert all(each["requestId"] and each["namespace"] == namespace for each in found)
    assert [each["position"] for each in found] == sorted(
        (each["position"] for each in found), reverse=True
    )
    mine = (await http.get("/api/v1/audit?actor=ann&action=kv.set")).json()
    assert [each["action"] for each in mine] == ["kv.set"]
    wrong = await http.get("/api/v1/audit?action=kv.sets")
    assert wrong.status_code == 400
    assert "kv.set" in wrong.json()["details"][0]


async def test_the_audit_log_is_read_in_pages(http: httpx.AsyncClient) -> None:
    namespace = http.headers["X-Project-Id"]
    for n in range(5):
        await http.put(f"/api/v1/kv/{namespace}/k{n}", json=n)
    seen: list[int] = []
    url = "/api/v1/audit?limit=2"
    while url:
        page = await http.get(url)
        seen += [each["position"] for each in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen)) == 5
    assert (await http.get("/api/v1/audit", headers={"X-Project-Id": "nobody-else"})).json() == []


async def told(http: httpx.AsyncClient, **query: str) -> list[Any]:
    answer = await http.get("/api/v1/audit", params={k.rstrip("_"): v for k, v in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_entry_says_what_was_done_and_nothing_that_was_sent(
    http: httpx.AsyncClient,
) -> None:
    namespace = http.headers["X-Project-Id"]
    flow = {"yamlContent": text(values("a", n=1), name="audited")}
    made = (await http.post("/api/v1/flows", json=flow)).json()
    hook = {"flowId": made["id"], "type": "webhook", "name": "hook", "config": {"secret": "hush"}}
    trigger = (await http.post("/api/v1/triggers", json=hook)).json()
    await http.post(f"/api/v1/triggers/{trigger['id']}/pause")
    begun = (await http.post(f"/api/v1/flows/{made['id']}/execute")).json()
    await http.put(f"/api/v1/kv/{namespace}/k", json={"value": "hush", "ttl": 60})
    entries = {each["action"]: each for each in await told(http)}
    assert set(entries) == {
        "definition.store",
        "trigger.set",
        "trigger.pause",
        "execution.start",
        "kv.set",
    }
    assert entries["definition.store"]["details"] == {
        "name": "audited",
        "version": "1",
        "dialect": "flows",
    }
    assert entries["trigger.set"]["details"]["name"] == "hook"
    assert entries["trigger.set"]["details"]["flowId"] == made["id"]
    assert entries["trigger.pause"]["details"] == {}
    assert entries["execution.start"]["resourceId"] == begun["executionId"]
    assert entries["execution.start"]["details"]["triggeredBy"] == "api"
    assert entries["kv.set"]["details"]["key"] == "k"
    assert entries["kv.set"]["details"]["expiresAt"].endswith("Z")
    assert "hush" not in str(entries)


async def test_the_audit_log_is_narrowed_to_a_thing_a_request_and_a_time(
    http: httpx.AsyncClient,
) -> None:
    namespace = http.headers["X-Project-Id"]
    for key in ("a", "b", "a", "c"):
        headers = {"X-Request-Id": f"audit-{namespace}-{key}"}
        await http.put(f"/api/v1/kv/{namespace}/{key}", json=key, headers=headers)
    every = await told(http)
    newest, oldest = every[0], every[-1]
    of_a = await told(http, resourceType="kv", resourceId=oldest["resourceId"])
    assert [each["details"]["key"] for each in of_a] == ["a", "a"]
    assert await told(http, resourceType="execution") == []
    assert await told(http, requestId=f"audit-{namespace}-c") == [newest]
    assert await told(http, from_=newest["timestamp"], to=newest["timestamp"]) == [
        each for each in every if each["timestamp"] == newest["timestamp"]
    ]
    assert await told(http, to="2020-01-01T00:00:00Z") == []
    assert await told(http, from_="2020-01-01T00:00:00Z") == every
    paged = await http.get(f"/api/v1/audit?resourceId={oldest['resourceId']}&limit=1")
    assert paged.json() == of_a[:1]
    rest = await http.get(paged.links["next"]["url"])
    assert rest.json() == of_a[1:]
    assert "next" not in rest.links
    wrong = {"resourceType": "flow", "from": "soon", "to": "7", "action": "kv.sets"}
    answer = await http.get("/api/v1/audit", params=wrong)
    assert answer.status_code == 400
    places = [each.partition(":")[0] for each in answer.json()["details"]]
    assert sorted(places) == ["action", "from", "resourceType", "to"]
