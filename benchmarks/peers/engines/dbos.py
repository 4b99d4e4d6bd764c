"""DBOS: workflows and steps in the application's process, recorded in PostgreSQL."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.peers import environments
from benchmarks.peers.engine import About, Running
from benchmarks.peers.engines.on_postgres import CLIENT, STEPS, STORE, on_postgres
from benchmarks.peers.workloads import Workload


class Dbos:
    name = "dbos"
    about = About(
        title="DBOS",
        steps=STEPS,
        client=CLIENT,
        store=STORE,
        counted="PostgreSQL, application",
        settings="DBOS's defaults; async workflows and steps on uvloop, called directly, no queue",
        commands=("python programs/dbos_app.py TOLD",),
    )

    def install(self) -> str:
        environments.python(self.name)
        return environments.version(self.name, "dbos")

    @asynccontextmanager
    async def start(self, folder: Path, workload: Workload, echo: str) -> AsyncGenerator[Running]:
        async with on_postgres(self.name, folder, workload, echo) as running:
            yield running
