"""Prefect: its server on SQLite, and flows that run in the application's process.

Not in the default run: one step takes it a second and more, so a turn of it measures little else
than the bounds of the turn.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers import environments
from benchmarks.peers.engine import About, Running, spawned, until_it_answers
from benchmarks.peers.line import Orders, program
from benchmarks.peers.workloads import Workload
from mainspring.runtime import children

QUIET: Final = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
}


class Prefect:
    name = "prefect"
    about = About(
        title="Prefect",
        steps="in the application's process; its states are told to the server",
        client="in the application's process (counted), asked over a socket",
        store="SQLite in a file; by default no fsync at every commit",
        counted="server, application",
        settings="the server's defaults without pages and analytics; async flows called directly",
        commands=(
            "prefect server start --host 127.0.0.1 --port PORT --no-ui",
            "python programs/prefect_app.py TOLD",
        ),
    )

    def install(self) -> str:
        environments.python(self.name)
        return ", ".join(environments.version(self.name, name) for name in ("prefect", "fastapi"))

    @asynccontextmanager
    async def start(self, folder: Path, workload: Workload, echo: str) -> AsyncGenerator[Running]:
        python, port = environments.python(self.name), children.free_port()
        api, log = f"http://127.0.0.1:{port}/api", folder / "server.log"
        env = {**QUIET, "PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": api}
        argv = [str(python.with_name("prefect")), "server", "start", "--no-ui"]
        argv += ["--host", "127.0.0.1", "--port", str(port)]
        with spawned(argv, log, env) as server:
            await until_it_answers(f"{api}/health", server, log)
            orders = Orders(workload, echo, api, env)
            async with program(python, "prefect_app.py", folder, orders) as app:
                yield Running({"server": server.pid, "application": app.pid}, app.run)
