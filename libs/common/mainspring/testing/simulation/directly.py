"""Helper processes as the simulation has them: none.

What a plugin wants to be bounded is a pure function, so it is called here and now, after a turn of
the loop; a process would bring the real world in.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Directly:
    """Runs functions in this process; it has nothing to end."""

    async def run(self, function: Callable[..., T], *args: object, seconds: float) -> T:
        """Return what the function does; raise what it raises."""
        await asyncio.sleep(0)
        return function(*args)

    async def close(self) -> None:
        """Nothing is held."""
