"""A change that was asked for once more after its process died: it is whole, under a key too."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from mainspring.runtime import crash

NEVER = "0 0 1 1 *"
TASK = {"name": "a", "type": "util.log", "properties": {"message": "x"}}
FLOW = {"name": "f", "tasks": [TASK], "triggers": [{"type": "schedule", "cron": NEVER}]}
STEP = {"step_ref": "s", "step_type": "sleep", "sleep_duration_secs": 1}
NATIVE = {"name": "W", "slug": "w", "steps": [STEP], "cron": NEVER}
DOCUMENT = {
    "version": 1,
    "kind": "mainspring.flow",
    "flow": {"name": "g", "yamlContent": msgspec.json.encode(FLOW | {"name": "g"}).decode()},
    "triggers": [{"type": "schedule", "name": "beside", "config": {"cron": NEVER}}],
}
FLOWS = "/api/v1/flows"


class Died(BaseException):
    """The process is gone."""


@pytest.fixture(autouse=True)
def hook() -> Iterator[None]:
    yield
    crash.arm(None)


def die_at(point: str) -> None:
    """Let the process die the next time that it comes to a point."""

    def here(where: str) -> None:
        if where == point:
            crash.arm(None)
            raise Died

    crash.arm(here)


async def triggers(http: httpx.AsyncClient) -> list[Any]:
    return (await http.get("/api/v1/triggers")).json()


async def twice(
    http: httpx.AsyncClient, point: str, path: str, body: dict[str, Any]
) -> httpx.Response:
    """The answer to the second of two requests with one key, the first of which was cut off."""
    headers = {"Idempotency-Key": "k"}
    die_at(point)
    with pytest.raises(Died):
        await http.post(path, json=body, headers=headers)
    return await http.post(path, json=body, headers=headers)


@pytest.mark.parametrize(
    ("point", "path", "body", "wanted"),
    [
        ("flows.stored", FLOWS, {"yamlContent": msgspec.json.encode(FLOW).decode()}, 1),
        ("flows.stored", f"{FLOWS}/import", DOCUMENT, 2),
        ("flows.imported", f"{FLOWS}/import", DOCUMENT, 2),
        ("native.stored", "/v1/workflows", NATIVE, 1),
    ],
)
async def test_what_a_crash_has_left_out_is_made_by_the_same_request_under_its_key(
    http: httpx.AsyncClient, point: str, path: str, body: dict[str, Any], wanted: int
) -> None:
    again = await twice(http, point, path, body)
    assert again.status_code == 201, again.text
    assert len(await triggers(http)) == wanted
    more = await http.post(path, json=body, headers={"Idempotency-Key": "k"})
    assert more.json() == again.json()
    assert len(await triggers(http)) == wanted


async def test_a_trigger_that_was_removed_since_does_not_come_back_with_the_answer(
    http: httpx.AsyncClient,
) -> None:
    path, headers = f"{FLOWS}/import", {"Idempotency-Key": "k"}
    await http.post(path, json=DOCUMENT, headers=headers)
    (beside,) = [each for each in await triggers(http) if each["name"] == "beside"]
    gone = await http.delete(f"/api/v1/triggers/{beside['id']}")
    assert gone.is_success
    await http.post(path, json=DOCUMENT, headers=headers)
    assert "beside" not in [each["name"] for each in await triggers(http)]


async def test_a_flow_that_was_changed_since_keeps_what_it_says_now(
    http: httpx.AsyncClient,
) -> None:
    body = {"yamlContent": msgspec.json.encode(FLOW).decode()}
    headers = {"Idempotency-Key": "k"}
    made = (await http.post(FLOWS, json=body, headers=headers)).json()
    quiet = msgspec.json.encode(FLOW | {"triggers": []}).decode()
    assert (await http.put(f"{FLOWS}/{made['id']}", json={"yamlContent": quiet})).is_success
    again = await http.post(FLOWS, json=body, headers=headers)
    assert again.json() == made
    assert await triggers(http) == []
