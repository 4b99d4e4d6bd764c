"""The stores that the contract suites are held against."""

from collections.abc import AsyncIterator

import pytest

from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[PostgresStore]:
    """A store on a fresh database."""
    opened = await PostgresStore.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> MemoryStore | PostgresStore:
    """Each store in turn; what passes on one must pass on the other."""
    if request.param == "memory":
        return MemoryStore()
    opened: PostgresStore = request.getfixturevalue("postgres")
    return opened
