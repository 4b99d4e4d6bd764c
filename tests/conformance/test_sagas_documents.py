"""The api's description of itself: true, whole, and the same in the file."""

from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest
from tests.conformance.client import Sagas, Service
from tests.conformance.test_page_examples_sagas import ENDPOINTS

from mainspring.testing.sagas import hello_world
from mainspring_api.app import DOCUMENTED
from mainspring_api.documents import written
from mainspring_api.openapi import document

FILE = Path(__file__).parents[2] / "proto" / "openapi.json"
DOCUMENT: dict[str, Any] = document(DOCUMENTED)


def test_the_file_in_proto_is_what_the_code_says() -> None:
    assert FILE.read_bytes() == written(DOCUMENTED), "run `make schema`"


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_every_endpoint_of_the_page_is_described(method: str, path: str) -> None:
    assert method.lower() in DOCUMENT["paths"][path]


def test_operations_have_names_of_their_own() -> None:
    ids = [it["operationId"] for verbs in DOCUMENT["paths"].values() for it in verbs.values()]
    assert len(ids) == len(set(ids))


def test_the_examples_fit_their_schemas() -> None:
    for verbs in DOCUMENT["paths"].values():
        for it in verbs.values():
            for content in it.get("requestBody", {}).get("content", {}).values():
                if "example" in content:
                    _validate(content["example"], content["schema"])


async def test_the_document_is_served_and_so_is_a_page_without_foreign_parts(
    http: httpx.AsyncClient,
) -> None:
    served = await http.get("/openapi.json")
    assert msgspec.json.decode(served.content) == msgspec.json.decode(FILE.read_bytes())
    page = await http.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text


async def test_answers_fit_what_the_document_says(sagas: Sagas, service: Service) -> None:
    id = (await sagas.ran(hello_world(service.url)))["id"]
    await sagas.http.post("/sagas/definitions", json=hello_world(service.url))
    for path, template in (
        (f"/sagas/{id}", "/sagas/{id}"),
        (f"/sagas/{id}/steps", "/sagas/{id}/steps"),
        (f"/sagas/{id}/steps/calls", "/sagas/{id}/steps/calls"),
        ("/sagas", "/sagas"),
        ("/sagas/definitions", "/sagas/definitions"),
        ("/sagas/definitions/inline/v1", "/sagas/definitions/{name}/{version}"),
    ):
        answer = await sagas.http.get(path)
        described = DOCUMENT["paths"][template]["get"]["responses"]["200"]
        _validate(answer.json(), described["content"]["application/json"]["schema"])


def _validate(found: Any, schema: dict[str, Any]) -> None:
    whole = schema | {"components": DOCUMENT["components"]}
    jsonschema.validate(found, whole, cls=jsonschema.Draft202012Validator)
