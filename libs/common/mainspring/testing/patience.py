"""Waiting in tests that run on the real clock: for what must come, and for what must not."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 10.0


async def until(condition: Callable[[], bool], *, patience: float = PATIENCE_S) -> None:
    """Return as soon as `condition` holds; raise TimeoutError when it does not in time."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - the subject under test has no event for it
            await asyncio.sleep(0.001)


async def moment(seconds: float = 0.01) -> None:
    """Let pass what a mistake would need to show itself.

    A slow machine can only hide the mistake, never invent one.
    """
    await asyncio.sleep(seconds)
