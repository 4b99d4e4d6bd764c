"""Every cell of the tables in `docs/native_tables.md`, asked of real runs over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.conformance.client import Service
from tests.conformance.native import Native
from tests.conformance.native_states import BOB, States

from mainspring.testing.native_states import RUNS, STEPS
from mainspring.testing.native_tables import (
    IN_RUN,
    RUN_OPERATIONS,
    STEP_OPERATIONS,
    Answer,
    Columns,
    row,
)

Ask = Callable[[str, str], Awaitable[httpx.Response]]


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


@pytest.fixture
def states(native: Native, service: Service) -> States:
    return States(native, service)


async def asked(
    make: Callable[[], Awaitable[str]], ask: Ask, columns: Columns
) -> dict[str, Answer]:
    """Return what each operation answers, each asked of a thing of its own."""

    async def one(operation: str) -> Answer:
        return answer_of(operation, await ask(await make(), operation))

    found = await asyncio.gather(*(one(operation) for operation in columns))
    return dict(zip(columns, found, strict=True))


def answer_of(operation: str, answer: httpx.Response) -> Answer:
    if operation.startswith("bulk"):
        assert answer.status_code == 200, answer.text
        return answer.json()["results"][0]["status"]
    if answer.status_code == 409:
        assert answer.json()["error"]["code"] == "conflict"
    return answer.status_code


@pytest.mark.parametrize("status", RUNS)
async def test_operations_on_a_run_answer_as_the_table_says(states: States, status: str) -> None:
    async def ask(id: str, operation: str) -> httpx.Response:
        if operation.startswith("bulk"):
            return await states.post(operation, {"workflow_run_ids": [id]})
        if operation == "DELETE":
            return await states.delete(id)
        return await states.post(f"{id}/{operation}")

    found = await asked(lambda: states.run(status), ask, RUN_OPERATIONS)
    assert found == row(RUNS[status], RUN_OPERATIONS)


@pytest.mark.parametrize("status", RUNS)
async def test_operations_on_a_step_answer_by_the_status_of_its_run(
    states: States, status: str
) -> None:
    async def ask(id: str, operation: str) -> httpx.Response:
        verb, ref = operation.split()
        return await states.post(f"{id}/steps/{ref}/{verb}")

    found = await asked(lambda: states.run(status), ask, IN_RUN)
    assert found == row(RUNS[status], IN_RUN)


@pytest.mark.parametrize("state", STEPS)
async def test_operations_on_a_step_answer_by_its_own_status(states: States, state: str) -> None:
    async def ask(id: str, operation: str) -> httpx.Response:
        return await states.post(f"{id}/steps/s/{operation}", headers=BOB)

    found = await asked(lambda: states.step(state), ask, STEP_OPERATIONS)
    assert found == row(STEPS[state], STEP_OPERATIONS)


@pytest.mark.parametrize("status", RUNS)
async def test_a_refusal_names_the_state_that_the_run_shows(
    states: States, native: Native, status: str
) -> None:
    id = await states.run(status)
    shown = (await native.run(id))["status"]
    table = row(RUNS[status], RUN_OPERATIONS)
    for operation in ("pause", "resume", "retry"):
        if table[operation] == 409:
            answer = await states.post(f"{id}/{operation}")
            assert shown in answer.json()["error"]["message"], operation
    if table["DELETE"] == 409:
        answer = await states.delete(id)
        assert shown in answer.json()["error"]["message"]
