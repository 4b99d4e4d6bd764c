"""Restate: its server from npm, and a service of its Python SDK that the server calls."""

import asyncio
import itertools
import json
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.client import Pool
from benchmarks.peers import environments
from benchmarks.peers.engine import (
    About,
    NotHere,
    Running,
    spawned,
    until_it_answers,
    until_it_listens,
)
from benchmarks.peers.line import PROGRAMS, Orders
from benchmarks.peers.workloads import Workload
from mainspring.runtime import children


class Restate:
    name = "restate"
    about = About(
        title="Restate",
        steps="in the service's process, which the server calls; recorded by the server",
        client="HTTP: one POST to the ingress, answered at the end",
        store="the server's own log, fsync as by default",
        counted="server, service",
        settings="server's defaults without telemetry; service on granian with one worker",
        commands=(
            "restate-server --no-logo --listen-mode tcp --base-dir FOLDER",
            "granian --interface asgi --workers 1 --loop uvloop restate_service:app",
        ),
    )

    def install(self) -> str:
        _server()
        environments.python(self.name)
        found = json.loads((environments.HERE / "npm" / "package.json").read_text())
        server = found["dependencies"]["@restatedev/restate-server"]
        sdk, host = (environments.version(self.name, p) for p in ("restate-sdk", "granian"))
        return f"restate-server {server}, {sdk}, {host}"

    @asynccontextmanager
    async def start(self, folder: Path, workload: Workload, echo: str) -> AsyncGenerator[Running]:
        admin, ingress, node, port = (children.free_port() for _ in range(4))
        env = {
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
            "RESTATE_DISABLE_TELEMETRY": "true",
        }
        argv = [str(_server()), "--no-logo", "--listen-mode", "tcp", "--node-name", "bench"]
        argv += ["--base-dir", str(folder / "restate")]
        log, service_log = folder / "server.log", folder / "service.log"
        async with AsyncExitStack() as exits:
            server = exits.enter_context(spawned(argv, log, env))
            service = exits.enter_context(_service(folder, port, Orders(workload, echo, "")))
            await until_it_listens(port, service, service_log)
            await until_it_answers(f"http://127.0.0.1:{admin}/health", server, log)
            await asyncio.to_thread(_register, admin, port)
            await until_it_answers(f"http://127.0.0.1:{ingress}/restate/health", server, log)
            pool, numbers = Pool(f"http://127.0.0.1:{ingress}"), itertools.count()
            exits.callback(pool.close)

            async def run() -> None:
                answer = await pool.post(f"/Bench/run-{next(numbers)}/run", b"{}")
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {answer.body.decode()}")

            yield Running({"server": server.pid, "service": service.pid}, run)


def _server() -> Path:
    """The server's own program: the package's script would only start it."""
    folder = environments.npm_folder() / "@restatedev"
    for program in folder.glob("restate-server-*/bin/restate-server"):
        return program
    raise NotHere("npm has installed no restate-server for this kind of machine")


def _service(folder: Path, port: int, orders: Orders) -> AbstractContextManager[children.Child]:
    program = environments.python("restate").with_name("granian")
    argv = [str(program), "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    argv += ["--workers", "1", "--loop", "uvloop", "--log-level", "error"]
    argv += ["--working-dir", str(PROGRAMS), "restate_service:app"]
    return spawned(argv, folder / "service.log", {"BENCH_TOLD": orders.text()})


def _register(admin: int, port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{admin}/deployments",
        data=json.dumps({"uri": f"http://127.0.0.1:{port}"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - of the loopback
        pass
