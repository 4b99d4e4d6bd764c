"""Absurd: tasks in the application's process, claimed from and recorded in PostgreSQL."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.peers import environments
from benchmarks.peers.engine import About, Running
from benchmarks.peers.engines.on_postgres import CLIENT, STEPS, STORE, on_postgres
from benchmarks.peers.workloads import Workload


class Absurd:
    name = "absurd"
    about = About(
        title="Absurd",
        steps=STEPS,
        client=f"{CLIENT}; the end is seen where the worker has committed it",
        store=STORE,
        counted="PostgreSQL, application",
        settings="one async worker, concurrency 64, which looks for work every 10 ms (default 250)",
        commands=("python programs/absurd_app.py TOLD",),
    )

    def install(self) -> str:
        environments.python(self.name)
        packages = ("absurd-sdk", "absurdctl")
        return ", ".join(environments.version(self.name, package) for package in packages)

    @asynccontextmanager
    async def start(self, folder: Path, workload: Workload, echo: str) -> AsyncGenerator[Running]:
        async with on_postgres(self.name, folder, workload, echo) as running:
            yield running
