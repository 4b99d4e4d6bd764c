"""Paths are matched as they were sent, and no fixed path is taken for a parameter."""

from urllib.parse import quote

import httpx
import pytest

from mainspring.testing.sagas import hello_world
from mainspring_api.app import OPERATIONS


@pytest.mark.parametrize("name", ["a/b", "ä ö", "100%", "a+b", "run", "..x", "a;b=c", "{id}", '"'])
async def test_a_name_of_any_kind_is_one_parameter(http: httpx.AsyncClient, name: str) -> None:
    definition = hello_world() | {"name": name}
    assert (await http.post("/sagas/definitions", json=definition)).status_code == 201
    path = f"/sagas/definitions/{quote(name, safe='')}/v1"
    assert (await http.get(path)).json()["name"] == name
    assert (await http.post(f"{path}/run", json={})).status_code == 202


async def test_fixed_paths_are_not_parameters(http: httpx.AsyncClient) -> None:
    assert (await http.get("/sagas/definitions")).json() == []
    refused = await http.get("/sagas/run")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


async def test_head_is_answered_where_get_is(http: httpx.AsyncClient) -> None:
    assert (await http.head("/sagas")).status_code == 200


def test_every_operation_has_a_path_of_its_own() -> None:
    pairs = [(operation.method, operation.path) for operation in OPERATIONS]
    assert len(pairs) == len(set(pairs))
