"""Values by key, through the gateway: what is set is read, by whom it belongs to."""

from typing import Any

import httpx
import msgspec
import pytest

VALUES: list[Any] = [None, 0, "text", [1, {"a": None}], {"a": 1}, {"value": 1, "more": 2}]


def path(http: httpx.AsyncClient, key: str = "") -> str:
    return f"/api/v1/kv/{http.headers['X-Project-Id']}" + (f"/{key}" if key else "")


@pytest.mark.parametrize("value", VALUES)
async def test_any_json_value_is_read_as_it_was_set(http: httpx.AsyncClient, value: Any) -> None:
    content, headers = msgspec.json.encode(value), {"Content-Type": "application/json"}
    made = await http.put(path(http, "k"), content=content, headers=headers)
    assert made.status_code == 201, made.text
    found = (await http.get(path(http, "k"))).json()
    assert found["value"] == value
    assert found["key"] == "k"
    assert found["namespace"] == http.headers["X-Project-Id"]
    assert found["createdAt"] == found["updatedAt"]
    assert found["expiresAt"] is None


async def test_a_value_may_be_wrapped_to_say_how_long_it_is_kept(http: httpx.AsyncClient) -> None:
    for ttl in (3600, "1h", "PT1H"):
        answer = await http.put(path(http, "k"), json={"value": {"a": 1}, "ttl": ttl})
        assert answer.json()["value"] == {"a": 1}
        assert answer.json()["expiresAt"] is not None
    kept = await http.put(path(http, "k"), json=[1], headers={"ttl": "PT1H"})
    assert kept.json()["expiresAt"] is not None
    wrong = await http.put(path(http, "k"), json={"value": 1, "ttl": "soon"})
    assert wrong.status_code == 400
    assert wrong.json()["details"][0].startswith("ttl: ")


async def test_if_match_lets_only_the_named_version_be_changed(http: httpx.AsyncClient) -> None:
    first = await http.put(path(http, "k"), json=1)
    tag = first.headers["ETag"]
    second = await http.put(path(http, "k"), json=2, headers={"If-Match": tag})
    assert second.status_code == 200
    for method in ("PUT", "DELETE"):
        content = b"3" if method == "PUT" else None
        headers = {"If-Match": tag, "Content-Type": "application/json"}
        late = await http.request(method, path(http, "k"), content=content, headers=headers)
        assert late.status_code == 412, late.text
        assert str(second.json()["version"]) in late.json()["error"]
    again = await http.put(path(http, "k") + "?createOnly=true", json=3)
    assert again.status_code == 409
    assert (await http.get(path(http, "k"))).json()["value"] == 2


async def test_a_value_that_was_removed_is_not_there(http: httpx.AsyncClient) -> None:
    await http.put(path(http, "k"), json=1)
    assert (await http.delete(path(http, "k"))).status_code == 204
    assert (await http.delete(path(http, "k"))).status_code == 404
    assert (await http.get(path(http, "k"))).status_code == 404


async def test_the_keys_of_one_namespace_are_listed_in_pages(http: httpx.AsyncClient) -> None:
    for key in ("b", "a%2Fx", "a", "c"):
        await http.put(path(http, key), json=key)
    seen: list[str] = []
    url = path(http) + "?limit=3"
    while url:
        page = await http.get(url)
        assert all("value" not in each for each in page.json())
        seen += [each["key"] for each in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert seen == ["a", "a/x", "b", "c"]
    some = (await http.get(path(http) + "?prefix=a&values=true")).json()
    assert [each["value"] for each in some] == ["a", "a%2Fx"]
    other = await http.get("/api/v1/kv/another", headers={"X-Project-Id": "another"})
    assert other.json() == []


async def test_a_namespace_that_is_not_the_callers_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/kv/another/k")
    assert answer.status_code == 400


async def test_a_value_larger_than_a_mebibyte_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.put(path(http, "k"), json="x" * (1 << 20))
    assert answer.status_code == 413
    assert (await http.get(path(http, "k"))).status_code == 404
