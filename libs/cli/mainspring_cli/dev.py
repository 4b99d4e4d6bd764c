"""The local stack: real PostgreSQL, real NATS, the four services, and a first saga.

It is the deployment in small: the services are separate processes, configured by environment
variables alone, and killed parts come back.  What it is not is a second way to run them: no
service is imported here, so nothing can work only in the local stack.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from signal import SIGHUP, SIGINT, SIGTERM
from time import monotonic
from typing import NamedTuple

import httpx

from mainspring.runtime.config import SERVICES
from mainspring.runtime.servers import NatsServer, PostgresServer
from mainspring_cli.echo import echo_endpoint
from mainspring_cli.home import Home, displaced
from mainspring_cli.parts import (
    Part,
    Service,
    in_thread,
    keep_running,
    tell_errors,
    wait_ready,
)
from mainspring_cli.sample import Outcome, SampleFailed, run_sample
from mainspring_cli.say import Say
from mainspring_cli.store import migrate_database

INTERRUPTED = 130


class Servers(NamedTuple):
    database_url: str
    nats_url: str
    ours: tuple[PostgresServer | NatsServer, ...]


class Stack(NamedTuple):
    """Everything that is up."""

    home: Home
    servers: Servers
    services: tuple[Service, ...]
    echo_url: str

    @property
    def api_url(self) -> str:
        return self.services[0].url

    async def announce(self) -> None:
        """Write where everything is into the home."""
        parts = (*self.services, *self.servers.ours)
        self.home.announce(
            {
                "pid": os.getpid(),
                "database_url": self.servers.database_url,
                "nats_url": self.servers.nats_url,
                "echo_url": self.echo_url,
                "services": {service.name: service.url for service in self.services},
                "pids": {part.name: part.pid for part in parts},
            }
        )


def run_dev(home: Home, say: Say, *, demo: bool) -> int:
    """Run the local stack until it is told to stop, and return the exit code."""
    return asyncio.run(_until_told(home, say, demo=demo))


async def _until_told(home: Home, say: Say, *, demo: bool) -> int:
    work = asyncio.create_task(_run(home, say, demo=demo))

    def stop() -> None:
        if work.cancelling():
            os._exit(INTERRUPTED)  # the watchdog ends what is left
        say.line("stopping", "stopping; once more leaves at once")
        work.cancel()

    for number in (SIGINT, SIGTERM, SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await work
    except asyncio.CancelledError:
        return INTERRUPTED if demo else 0


async def _run(home: Home, say: Say, *, demo: bool) -> int:
    began = monotonic()
    with home.locked():
        async with AsyncExitStack() as exits:
            client = await exits.enter_async_context(httpx.AsyncClient(timeout=10, trust_env=False))
            stack = await exits.enter_async_context(_stack(home, say, client))
            urls = {service.name: service.url for service in stack.services}
            say.line("ready", f"ready in {monotonic() - began:.1f} s\n", urls=urls)
            succeeded = await _sample(stack, say, client)
            if demo:
                return 0 if succeeded else 1
            _where_to_look(stack, say)
            await asyncio.Event().wait()
    return 0


@asynccontextmanager
async def _stack(home: Home, say: Say, client: httpx.AsyncClient) -> AsyncGenerator[Stack]:
    """Bring everything up, keep it up, and take it down in the reverse order."""
    ports = home.ports()
    say.line("home", f"home {home.folder}", home=home.folder)
    for name, usual in displaced(ports).items():
        text = f"  port {usual} is in use; {name} takes {ports[name]}"
        say.line("displaced", text, part=name, port=ports[name])
    async with _servers(home, ports, say) as servers, echo_endpoint(ports["echo"]) as echo_url:
        with say.doing("migrated", "migrating the database"):
            await migrate_database(servers.database_url, lambda line: None)
        services = _services(home, ports, servers)
        async with _started(services, say, client):
            stack = Stack(home, servers, services, echo_url)
            await stack.announce()
            async with _kept(stack, say):
                yield stack


@asynccontextmanager
async def _servers(home: Home, ports: Mapping[str, int], say: Say) -> AsyncGenerator[Servers]:
    """Start the servers that the environment does not name."""
    database_url = os.environ.get("MAINSPRING_DATABASE_URL", "")
    nats_url = os.environ.get("MAINSPRING_NATS_URL", "")
    ours: list[PostgresServer | NatsServer] = []
    if not database_url:
        password = home.secrets()["postgres_password"]
        postgres = PostgresServer(home.folder / "postgres", ports["postgres"], password=password)
        database_url = postgres.dsn
        ours.append(postgres)
    if not nats_url:
        nats = NatsServer(home.folder / "nats", ports["nats"])
        nats_url = nats.url
        ours.append(nats)
    try:
        for server in ours:
            with say.doing("started", f"starting {server.name}, port {server.port}"):
                await in_thread(server.start)
        yield Servers(database_url, nats_url, tuple(ours))
    finally:
        for server in reversed(ours):
            await in_thread(server.stop)
        say.line("stopped", "stopped")


def _services(home: Home, ports: Mapping[str, int], servers: Servers) -> tuple[Service, ...]:
    env = _environment(ports, servers, home.secrets())
    return tuple(Service(name, ports[name], home.logs / f"{name}.log", env) for name in SERVICES)


def _environment(
    ports: Mapping[str, int], servers: Servers, secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return what the services are told; what the user set goes before what we choose."""
    chosen = {
        "MAINSPRING_HOST": "127.0.0.1",
        "MAINSPRING_EVENTS_URL": f"http://127.0.0.1:{ports['events']}",
        "MAINSPRING_PUBLIC_URL": f"http://127.0.0.1:{ports['api']}",
        "MAINSPRING_CALLBACK_KEYS": secrets["callback_keys"],
        "MAINSPRING_ALLOW_PRIVATE_EGRESS": "1",
        "MAINSPRING_ALLOW_TASKS": "shell,python",
        "PYTHONUNBUFFERED": "1",
    }
    fixed = {
        "MAINSPRING_DATABASE_URL": servers.database_url,
        "MAINSPRING_NATS_URL": servers.nats_url,
    }
    return chosen | dict(os.environ) | fixed


@asynccontextmanager
async def _started(
    services: Sequence[Service], say: Say, client: httpx.AsyncClient
) -> AsyncGenerator[None]:
    try:
        with say.doing("services", f"starting {', '.join(service.name for service in services)}"):
            for service in services:
                service.start()
            await wait_ready(client, services)
        yield
    finally:
        await asyncio.gather(*(in_thread(service.stop) for service in services))


@asynccontextmanager
async def _kept(stack: Stack, say: Say) -> AsyncGenerator[None]:
    parts: tuple[Part, ...] = (*stack.servers.ours, *stack.services)
    tasks = [asyncio.create_task(keep_running(part, say, stack.announce)) for part in parts]
    tasks += [asyncio.create_task(tell_errors(service, say)) for service in stack.services]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _sample(stack: Stack, say: Say, client: httpx.AsyncClient) -> bool:
    say.line("sample_started", "sample saga: POST /sagas/run, one task, one HTTP call")
    try:
        outcome = await run_sample(client, stack.api_url, stack.echo_url)
    except (SampleFailed, httpx.HTTPError) as failure:
        say.failure("sample_failed", f"the sample saga failed: {failure}")
        return False
    _tell_outcome(outcome, say, stack.api_url)
    return outcome.succeeded


def _tell_outcome(outcome: Outcome, say: Say, api_url: str) -> None:
    saga = outcome.saga
    text = f"saga {saga['id']} {saga['status']} in {outcome.seconds * 1000:.0f} ms"
    say.line("sample_ended", text, style="green" if outcome.succeeded else "red", saga=saga)
    if failure := saga.get("failureDescription"):
        say.failure("sample_failed", f"  {failure}")
    for step in outcome.steps:
        ended = "succeeded" if step["success"] else "failed"
        done = f"{step['stepName']}, {step['phase']}: {step.get('statusCode')}, {ended}"
        say.line("sample_step", f"  {done} in {step['latencyMs']} ms", step=step)
    say.line("sample_curl", f"  curl {api_url}/sagas/{saga['id']}\n")


def _where_to_look(stack: Stack, say: Say) -> None:
    for service in stack.services:
        say.line("service", f"{service.name:<10} {service.url}  (/healthz /readyz /metrics)")
    # Without the password; `stack.json` in the home has the whole URL, for its owner alone.
    where = stack.servers.database_url.rpartition("@")[2].removeprefix("postgresql://")
    say.line("database", f"{'postgres':<10} postgresql://{where}")
    say.line("nats", f"{'nats':<10} {stack.servers.nats_url}")
    say.line("echo", f"{'echo':<10} {stack.echo_url}  (answers with what it was asked)")
    say.line("logs", f"{'logs':<10} {stack.home.logs}\n")
    say.line("curl", f"curl {stack.api_url}/sagas")
    say.line("stay", "Ctrl-C stops everything; the data stay")
