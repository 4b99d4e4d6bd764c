"""Real servers for the tests that ask for them, and the pure tests first.

Nothing starts before a test needs it.  Each test that takes `database_url` gets a database of
its own, copied from a migrated template (20 ms): emptying the tables of a shared one would have
to know which rows a migration had put there.
"""

from collections.abc import Iterator
from itertools import count

import pytest

from mainspring.runtime.servers import NatsServer, PostgresServer
from mainspring.testing import cluster

TEMPLATE = "migrated"
_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "/tests/unit/" not in item.path.as_posix())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for the whole run; a test that kills it starts one of its own."""
    with cluster.throwaway_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A NATS server for the whole run."""
    with cluster.throwaway_nats() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """The name of a database with the newest schema and no rows of a test's."""
    from mainspring.store.migrate import migrate  # noqa: PLC0415 - pure tests never load it

    dsn = cluster.run_apart(lambda: cluster.create_database(postgres_server, TEMPLATE))
    cluster.run_apart(lambda: migrate(dsn))
    return TEMPLATE


@pytest.fixture
def database_url(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database that no other test sees."""
    name = f"test_{next(_numbers)}"
    make = cluster.create_database
    yield cluster.run_apart(lambda: make(postgres_server, name, migrated_template))
    cluster.run_apart(lambda: cluster.drop_database(postgres_server, name))


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database without any schema: for tests of the migrations."""
    name = f"empty_{next(_numbers)}"
    yield cluster.run_apart(lambda: cluster.create_database(postgres_server, name))
    cluster.run_apart(lambda: cluster.drop_database(postgres_server, name))


@pytest.fixture
def nats_url(nats_server: NatsServer) -> Iterator[str]:
    """The URL of the NATS server, whose streams are removed after the test."""
    yield nats_server.url
    cluster.run_apart(lambda: cluster.remove_streams(nats_server.url))
