"""A workflow that bounds its runs, through the front door of real services."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from tests.conformance.native import Native, waiting

from mainspring.testing.stack import Platform, platform


@pytest.fixture(scope="module")
def stack() -> Iterator[Platform]:
    """A platform with two schedulers."""
    with platform(schedulers=2) as whole:
        yield whole


@pytest.fixture
async def native(stack: Platform) -> AsyncIterator[Native]:
    async with httpx.AsyncClient(base_url=stack.api, timeout=30) as client:
        yield Native(client)


async def test_no_more_runs_than_the_bound_go_on_and_all_have_their_turn(native: Native) -> None:
    made = await native.create(waiting("w"), slug="bounded", max_concurrent_runs=3)
    ids = [(await native.trigger(made["id"]))["id"] for _ in range(12)]
    for n, id in enumerate(ids):
        await native.until_step(id, "w", "waiting")
        going = [each for each in ids if (await native.run(each))["status"] == "running"]
        assert len(going) <= 3
        assert id in going, n
        later = [await native.run(each) for each in ids[n + 3 :]]
        assert {(run["status"], run["waiting_for"]) for run in later} <= {("pending", "slot")}
        assert (await native.send(f"w:{id}")).status_code == 200
        assert (await native.end(id))["status"] == "completed"
