"""What DBOS and Absurd share: a library in an application, on the Postgres that ours runs on too.

They have no server of their own, so whoever starts a run is in the process that works on it.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers import environments
from benchmarks.peers.engine import Running
from benchmarks.peers.line import Orders, program
from benchmarks.peers.workloads import Workload
from mainspring.runtime.servers import PostgresServer

STEPS: Final = "in the application's process; each is recorded in the database"
CLIENT: Final = "in the application's process (counted), asked over a socket"
STORE: Final = "PostgreSQL with fsync: the same program and settings as ours"


@asynccontextmanager
async def on_postgres(
    name: str, folder: Path, workload: Workload, echo: str
) -> AsyncGenerator[Running]:
    """Run `programs/NAME_app.py` in its environment, on a fresh cluster of ours."""
    python = environments.python(name)
    server = PostgresServer(folder / "postgres", durable=True)
    server.start()
    try:
        orders = Orders(workload, echo, server.dsn)
        async with program(python, f"{name}_app.py", folder, orders) as app:
            yield Running({"postgres": server.pid or 0, "application": app.pid}, app.run)
    finally:
        server.stop()
