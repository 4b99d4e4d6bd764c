"""What the store takes for a server that is away, and tries again."""

import asyncpg
import pytest

from mainspring.domain.errors import LogUnavailable
from mainspring.store.connection import AWAY, patiently


@pytest.mark.parametrize("error", [asyncpg.InternalClientError, ConnectionResetError])
async def test_a_connection_that_breaks_between_two_steps_is_tried_again(
    error: type[Exception],
) -> None:
    tries: list[int] = []

    async def attempt() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise error("cannot switch to state 12; another operation (2) is in progress")
        return "done"

    assert await patiently(attempt, patience=5.0) == "done"


async def test_what_stays_away_is_said_to_be_unavailable() -> None:
    async def attempt() -> str:
        raise asyncpg.InternalClientError("again")

    with pytest.raises(LogUnavailable):
        await patiently(attempt, patience=0.0)
    assert asyncpg.InternalClientError in AWAY
