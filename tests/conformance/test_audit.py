"""Who asked for what can be read, newest first, and what was only decided is not in it."""

import httpx
from tests.conformance.client import Service
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
