"""Plugins over HTTP: a bare array of manifests, their categories, and ids with dots."""

from collections import Counter
from importlib.metadata import version
from typing import Any

import httpx
import jsonschema
import pytest

from mainspring.plugin import installed

KEYS = {"id", "name", "category", "description", "inputSchema", "outputSchema"}


@pytest.fixture
async def plugins(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await http.get("/api/v1/plugins")
    assert answer.status_code == 200
    return answer.json()


async def test_all_plugins_are_one_bare_array(plugins: list[dict[str, Any]]) -> None:
    assert isinstance(plugins, list)
    assert [each["id"] for each in plugins] == [id for id in installed().ids if "." in id]


async def test_every_manifest_has_the_pages_keys_and_schemas_that_are_schemas(
    plugins: list[dict[str, Any]],
) -> None:
    for each in plugins:
        assert set(each) >= KEYS, each
        for schema in (each["inputSchema"], each["outputSchema"]):
            jsonschema.Draft202012Validator.check_schema(schema)
        assert each["name"]
        assert each["description"]


async def test_every_plugin_tells_its_version_its_examples_and_what_it_needs(
    plugins: list[dict[str, Any]],
) -> None:
    ours = version("mainspring-plugins")
    assert {each["version"] for each in plugins} == {ours}
    needs = {each["id"]: each["needs"] for each in plugins}
    assert (needs["script.shell"], needs["core.set"]) == ("shell", "")
    assert all(each["examples"] for each in plugins)


async def test_a_plugin_is_found_by_its_id_with_the_dot(
    http: httpx.AsyncClient, plugins: list[dict[str, Any]]
) -> None:
    for each in plugins:
        answer = await http.get(f"/api/v1/plugins/{each['id']}")
        assert answer.json() == each


async def test_an_unknown_plugin_is_404_with_a_hint(
    http: httpx.AsyncClient, plugins: list[dict[str, Any]]
) -> None:
    id = plugins[0]["id"]
    answer = await http.get(f"/api/v1/plugins/{id}x")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": f'no plugin {id}x (did you mean "{id}"?)',
        "code": "not_found",
        "details": [],
    }


async def test_categories_count_the_plugins_and_are_captured_by_no_id(
    http: httpx.AsyncClient, plugins: list[dict[str, Any]]
) -> None:
    answer = await http.get("/api/v1/plugins/categories")
    assert answer.status_code == 200
    counted = {each["name"]: each["count"] for each in answer.json()}
    assert counted == Counter(each["category"] for each in plugins)


async def test_the_list_is_narrowed_by_category_and_by_text(
    http: httpx.AsyncClient, plugins: list[dict[str, Any]]
) -> None:
    first = plugins[0]
    path = "/api/v1/plugins"
    of_it = (await http.get(path, params={"category": first["category"]})).json()
    assert {each["category"] for each in of_it} == {first["category"]}
    assert first in (await http.get(path, params={"q": first["id"].upper()})).json()
    assert (await http.get(path, params={"q": "nothing is called so"})).json() == []
