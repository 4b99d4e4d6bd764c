"""What tests of several kinds begin with."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.integration.clinic import House

from mainspring.store.postgres import PostgresStore


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    store = await PostgresStore.open(database_url)
    hand = await asyncpg.connect(database_url, server_settings={"search_path": "mainspring"})
    yield House(database_url, store, hand)
    await hand.close()
    await store.close()
