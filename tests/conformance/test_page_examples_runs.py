"""The page of workflow runs: its requests as they stand there, and the same of runs that exist."""

from typing import Any

import httpx
import pytest
from tests.conformance.native import Native, step, waiting

RUN = "/v1/workflow-runs/{run}"
STEP = f"{RUN}/steps/{{step}}"
IDS = {"workflow_run_ids": ["string"]}
PAGE: list[tuple[str, str, Any, int, int]] = [
    ("GET", "/v1/workflow-runs?project_id={project}", None, 200, 200),
    ("GET", RUN, None, 404, 200),
    ("DELETE", RUN, None, 404, 204),
    ("GET", f"{RUN}/steps", None, 404, 200),
    ("POST", f"{RUN}/pause", None, 404, 200),
    ("POST", f"{RUN}/resume", None, 404, 409),
    ("POST", f"{RUN}/retry", None, 404, 409),
    ("POST", f"{STEP}/approve", None, 404, 200),
    ("POST", f"{STEP}/skip", {}, 404, 200),
    ("POST", f"{STEP}/force-complete", {}, 404, 200),
    ("POST", f"{STEP}/retry", None, 404, 409),
    ("POST", f"{STEP}/replay-subtree", None, 404, 409),
    ("POST", "/v1/workflow-runs/bulk-cancel", IDS, 200, 200),
    ("POST", "/v1/workflow-runs/bulk-replay", IDS, 200, 200),
]
"""Verb, path and body of each example; its status on the page's ids, and on a run that waits."""


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


def named(example: tuple[str, str, Any, int, int]) -> str:
    return f"{example[0]} {example[1]}"


def filled(native: Native, path: str, run: str = "string", step: str = "string") -> str:
    return path.format(project=native.http.headers["X-Project-Id"], run=run, step=step)


@pytest.mark.parametrize("example", PAGE, ids=named)
async def test_an_example_of_the_page_is_understood(
    native: Native, example: tuple[str, str, Any, int, int]
) -> None:
    verb, path, body, status, _ = example
    answer = await native.http.request(verb, filled(native, path), json=body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("example", PAGE, ids=named)
async def test_an_example_of_the_page_works_on_a_run(
    native: Native, example: tuple[str, str, Any, int, int]
) -> None:
    verb, path, body, _, status = example
    id = await native.begin(step("ok", "approval"), waiting("w", "ok"))
    await native.until_step(id, "ok", "waiting")
    answer = await native.http.request(verb, filled(native, path, id, "ok"), json=body)
    assert answer.status_code == status, answer.text


async def test_a_project_in_the_query_is_the_project(
    native: Native, http: httpx.AsyncClient
) -> None:
    id = await native.begin(waiting("w"))
    mine = http.headers["X-Project-Id"]
    async with httpx.AsyncClient(base_url=http.base_url) as bare:
        path = "/v1/workflow-runs"
        listed = await bare.get(path, params={"project_id": mine})
        assert [run["id"] for run in listed.json()] == [id]
        assert listed.json()[0]["project_id"] == mine
        assert (await bare.get(f"{path}/{id}", params={"project_id": mine})).status_code == 200
        assert (await bare.get(f"{path}/{id}")).status_code == 404
        assert (await bare.get(path, params={"project_id": "string"})).json() == []
