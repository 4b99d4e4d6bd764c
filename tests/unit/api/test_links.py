"""The links of the OpenAPI document: what an answer names can be asked about with nothing else."""

import re

from mainspring_api.app import DOCUMENTED
from mainspring_api.links import SOURCES, links
from mainspring_api.openapi import document, operation_id

BY_ID = {operation_id(each): each for each in DOCUMENTED}
LINKS = links(DOCUMENTED, operation_id)


def test_each_link_leads_to_an_operation_and_gives_all_that_its_path_takes() -> None:
    for found in LINKS.values():
        for name, link in found.items():
            target = BY_ID[link["operationId"]]
            assert name == link["operationId"]
            assert set(link["parameters"]) == set(re.findall(r"\{(\w+)\}", target.path))


def test_what_begins_a_run_is_linked_to_all_that_steers_and_tells_of_it() -> None:
    begun = LINKS["POST", "/sagas/run", 202]
    asked = {f"{BY_ID[name].method} {BY_ID[name].path}" for name in begun}
    assert {"GET /sagas/{id}", "GET /sagas/{id}/explain", "POST /sagas/{id}/cancel"} <= asked
    run = LINKS["POST", "/v1/workflows/{id}/trigger", 202]
    asked = {f"{BY_ID[name].method} {BY_ID[name].path}" for name in run}
    assert {"POST /v1/workflow-runs/{id}/pause", "DELETE /v1/workflow-runs/{id}"} <= asked


def test_each_source_is_an_answer_that_there_is() -> None:
    there = {(each.method, each.path, status) for each in DOCUMENTED for status in each.answers}
    for source in SOURCES:
        assert (source.method, source.path, source.status) in there
        assert LINKS[source.method, source.path, source.status]


def test_the_document_has_them_where_the_answer_is() -> None:
    paths = document(DOCUMENTED)["paths"]
    for (method, path, status), found in LINKS.items():
        assert paths[path][method.lower()]["responses"][str(status)]["links"] == found


def test_names_of_operations_are_words_that_a_generator_can_use() -> None:
    assert all(re.fullmatch(r"\w+", name) for name in BY_ID)
