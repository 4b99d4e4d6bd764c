"""What the steps of a run came to, and its calls: in pages, oldest first, with answers' headers."""

from typing import Any

import httpx
import pytest
from tests.conformance.client import RETRY, Json, Sagas, Service, calling, reply

from mainspring.testing.sagas import graph

KINDS = ("steps", "steps/calls")


async def pages(http: httpx.AsyncClient, path: str, limit: int) -> list[list[Json]]:
    """Return a whole list, page by page, by the links that the pages carry."""
    found: list[list[Json]] = []
    url: str | None = f"{path}?limit={limit}"
    while url:
        answer = await http.get(url)
        assert answer.status_code == 200
        found.append(answer.json())
        assert ("x-next-cursor" in answer.headers) == ("link" in answer.headers)
        url = answer.links["next"]["url"] if "link" in answer.headers else None
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_steps_and_calls_come_in_pages_oldest_first(
    sagas: Sagas, service: Service, kind: str
) -> None:
    names = [f"n{n}" for n in range(5)]
    nodes = [calling(service, *pair) for pair in zip(names, [*names[1:], None], strict=True)]
    saga = await sagas.ran(graph(*nodes))
    found = await pages(sagas.http, f"/sagas/{saga['id']}/{kind}", 2)
    assert [len(page) for page in found] == [2, 2, 1]
    rows = [row for page in found for row in page]
    assert [row["stepName"] for row in rows] == names
    whole = await sagas.http.get(f"/sagas/{saga['id']}/{kind}", params={"limit": "5"})
    assert "link" not in whole.headers
    assert whole.json() == rows


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_has_fifty_rows_unless_asked_for_others(
    sagas: Sagas, service: Service, kind: str
) -> None:
    service.on("/a", reply(status=500))
    policy = RETRY | {"maxAttempts": 55, "delayMillis": 1}
    saga = await sagas.ran(graph(calling(service, "a"), failureHandling=policy))
    first = await sagas.http.get(f"/sagas/{saga['id']}/{kind}")
    assert len(first.json()) == 50
    rest = await sagas.http.get(first.links["next"]["url"])
    assert len(rest.json()) == 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", ["limit=0", "limit=501", "cursor=x", "cursor=WzEuMCwieCJd"])
async def test_a_page_of_steps_that_cannot_be_is_400(
    sagas: Sagas, service: Service, kind: str, query: str
) -> None:
    saga = await sagas.ran(graph(calling(service, "a")))
    answer = await sagas.http.get(f"/sagas/{saga['id']}/{kind}?{query}")
    assert answer.status_code == 400
    [fault] = answer.json()["errors"]
    assert fault.startswith(query.split("=", maxsplit=1)[0])


async def test_calls_show_the_headers_of_the_answer_and_no_secret_of_it(
    sagas: Sagas, service: Service
) -> None:
    told: dict[str, Any] = {"X_Mark": "m", "Set_Cookie": "session=secret"}
    service.on("/a", reply({"a": 1}, **told))
    saga = await sagas.ran(graph(calling(service, "a")))
    [row] = await sagas.calls(saga["id"])
    headers = row["responseHeaders"]
    assert headers["x-mark"] == "m"
    assert headers["content-type"] == "application/json"
    assert headers["set-cookie"] == "[hidden]"


async def test_a_call_without_an_answer_has_no_headers(sagas: Sagas) -> None:
    node = {"url": "http://127.0.0.1:9/", "verb": "GET"}
    action = {"mode": "sync", "request": node}
    saga = await sagas.ran(graph({"kind": "task", "id": "a", "action": action}))
    [row] = await sagas.calls(saga["id"])
    assert "responseHeaders" not in row
