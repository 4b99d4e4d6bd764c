"""Lists without a namespace: what there is in all of them, newest first, and what narrows them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.conformance.flows import Flows, task

from mainspring.testing.stack import Platform

Json = dict[str, Any]
EXECUTIONS = "/api/v1/executions"
APPROVALS = "/api/v1/approvals"
TRIGGERS = "/api/v1/triggers"


@pytest.fixture
async def houses(stack: Platform, http: httpx.AsyncClient) -> AsyncIterator[tuple[Flows, Flows]]:
    """Flows of two namespaces."""
    namespace = f"{http.headers['X-Project-Id']}-b"
    headers = {"X-Project-Id": namespace}
    async with httpx.AsyncClient(base_url=stack.api, headers=headers, timeout=30) as other:
        yield Flows(http), Flows(other)


@pytest.fixture
async def bare(stack: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """A client that names no namespace."""
    async with httpx.AsyncClient(base_url=stack.api, timeout=30) as client:
        yield client


def space(flows: Flows) -> str:
    return flows.http.headers["X-Project-Id"]


async def every(client: httpx.AsyncClient, path: str, **query: Any) -> list[Json]:
    """Return what a list has, over all of its pages."""
    found: list[Json] = []
    after: str | None = None
    while True:
        more = {} if after is None else {"cursor": after}
        answer = await client.get(path, params={"limit": 3, **query, **more})
        assert answer.status_code == 200, answer.text
        page: Any = answer.json()
        found += page["executions"] if path.endswith("/executions") else page
        after = answer.headers.get("x-next-cursor")
        if after is None:
            return found


async def test_lists_without_a_namespace_show_all_of_them(
    houses: tuple[Flows, Flows], bare: httpx.AsyncClient
) -> None:
    began: list[str] = []
    triggers: list[str] = []
    label = {"list": space(houses[0])}
    for n, flows in enumerate((*houses, *houses)):
        made = await flows.create(task("gate", "core.gate"), name=f"gated-{n}", labels=label)
        told: Json = {"flowId": made["id"], "type": "webhook", "config": {}}
        answer = await flows.http.post(TRIGGERS, json=told)
        assert answer.status_code == 201, answer.text
        triggers.insert(0, answer.json()["id"])
        began.insert(0, await flows.execute(made["id"]))
        await flows.until(began[0], "PAUSED")
    of_label = await every(bare, EXECUTIONS, labels=f"list:{label['list']}")
    assert [each["id"] for each in of_label] == began
    for flows in houses:
        own = await every(bare, EXECUTIONS, namespace=space(flows))
        assert [each["id"] for each in own] == began[houses.index(flows) ^ 1 :: 2]
    asked = await every(bare, APPROVALS, status="PENDING", limit=100)
    assert [each["executionId"] for each in asked if each["executionId"] in began] == began
    listed = [each["id"] for each in await every(bare, TRIGGERS, type="webhook", limit=100)]
    assert [each for each in listed if each in triggers] == triggers
    narrow = await every(bare, TRIGGERS, namespace=space(houses[1]))
    assert [each["id"] for each in narrow] == triggers[0::2]


async def test_executions_are_listed_by_labels_names_and_instants(
    houses: tuple[Flows, Flows],
) -> None:
    flows, _ = houses
    ids: list[str] = []
    for name, labels in (("Order", {"team": "shop"}), ("reorder", {"team": "depot", "x": "1"})):
        made = await flows.create(task("a"), name=name, labels=labels)
        ids.append((await flows.end(await flows.execute(made["id"])))["id"])
    first, second = ids
    begun = {each["id"]: each["created_at"] for each in await every(flows.http, EXECUTIONS)}
    for query, wanted in (
        ({"labels": "team:shop"}, [first]),
        ({"labels": "team,x=1"}, [second]),
        ({"labels": "team:shop,x"}, []),
        ({"q": "ORDER"}, [second, first]),
        ({"q": "reo", "status": "SUCCESS"}, [second]),
        ({"from": begun[second]}, [second]),
        ({"to": begun[first]}, [first]),
        ({"from": begun[first], "to": begun[second], "since": "1h"}, [second, first]),
        ({"from": "2999-01-01T00:00:00Z"}, []),
    ):
        found = await every(flows.http, EXECUTIONS, **query)
        assert [each["id"] for each in found] == wanted, query


async def test_all_faults_of_a_list_are_told_at_once(bare: httpx.AsyncClient) -> None:
    query = {"limit": 0, "status": "x", "labels": ":y", "from": "soon", "to": "7", "since": "?"}
    wrong = await bare.get(EXECUTIONS, params=query)
    assert wrong.status_code == 400
    places = [each.partition(":")[0] for each in wrong.json()["details"]]
    assert places == ["limit", "status", "labels", "since", "from", "to"]
    assert wrong.json()["details"][-1] == "to: must be an instant with its zone"
    for path in (EXECUTIONS, APPROVALS, TRIGGERS):
        assert (await bare.get(path, params={"namespace": "a b"})).status_code == 400
