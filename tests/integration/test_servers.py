"""The throwaway servers keep what they were told, come back, and never outlive their parent."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from nats.aio.client import Client
from nats.js import JetStreamManager
from nats.js.api import StreamConfig

from mainspring.runtime import children
from mainspring.runtime.servers import NatsServer, PostgresServer, ServerFailed
from mainspring.testing import cluster
from mainspring.testing.processes import wait_until_gone

SECRET = "a-secret"
ORPHANS = """
import os, signal, sys
from pathlib import Path
from mainspring.runtime import children
from mainspring.runtime.servers import NatsServer, PostgresServer
home = Path(sys.argv[1])
(home / "doomed").mkdir()
children.remove_at_the_end(home / "doomed")
servers = [PostgresServer(home / "postgres", durable=False), NatsServer(home / "nats")]
for server in servers:
    server.start()
print(*[server.pid for server in servers], children.watchdog_pid(), flush=True)
signal.pause()
"""


async def connected(url: str) -> Client:
    client = Client()
    await client.connect(url)
    return client


async def test_postgres_keeps_what_it_committed_through_a_crash() -> None:
    with cluster.throwaway_postgres() as server:
        link = await asyncpg.connect(server.dsn)
        await link.execute("CREATE TABLE kept AS SELECT 7 AS n")
        server.kill()
        server.start()
        await link.close(timeout=1)
        link = await asyncpg.connect(server.dsn)
        assert await link.fetchval("SELECT n FROM kept") == 7
        await link.close()


async def test_nats_comes_back_on_the_same_port_with_its_streams() -> None:
    with cluster.throwaway_nats() as server:
        url = server.url
        client = await connected(url)
        kept = StreamConfig(name="KEPT", subjects=["kept"])
        await JetStreamManager(client).add_stream(kept)  # pyright: ignore[reportUnknownMemberType]
        await client.close()
        server.restart()
        assert server.url == url
        client = await connected(url)
        assert (await JetStreamManager(client).stream_info("KEPT")).config.name == "KEPT"
        await client.close()


async def test_a_password_is_asked_for_when_one_was_set(tmp_path: Path) -> None:
    with cluster.throwaway_folder() as folder:
        server = PostgresServer(folder / "postgres", password=SECRET, durable=False)
        server.start()
        try:
            await (await asyncpg.connect(server.dsn)).close()
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(server.dsn.replace(SECRET, "a-guess"))
        finally:
            server.stop()


def test_postgres_starts_where_only_its_owner_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = PostgresServer(tmp_path / "postgres", durable=False)
    server.start()
    server.stop()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_stale_pid_file_that_names_a_stranger_does_not_stop_the_start() -> None:
    with cluster.throwaway_postgres() as server:
        pid_file = server.folder / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        server.kill()
        pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
        server.start()
        assert server.is_running


def test_a_server_that_cannot_start_says_why() -> None:
    with cluster.throwaway_folder() as folder, cluster.throwaway_nats() as taken:
        server = NatsServer(folder / "nats", port=taken.port)
        with pytest.raises(ServerFailed, match="in use"):
            server.start()


def test_nothing_outlives_a_killed_parent() -> None:
    with cluster.throwaway_folder() as home:
        parent = subprocess.Popen(
            [sys.executable, "-c", ORPHANS, str(home)], stdout=subprocess.PIPE, text=True
        )
        with parent:
            assert parent.stdout is not None
            pids = [int(pid) for pid in parent.stdout.readline().split()]
            assert len(pids) == 3
            parent.kill()
        # The watchdog is the last to go, when the folder is removed; the parent was its parent.
        wait_until_gone(pids)
        assert not (home / "doomed").exists()


def test_a_port_in_use_is_not_free() -> None:
    with cluster.throwaway_nats() as server:
        assert not children.is_free(server.port)
    assert children.is_free(children.free_port())
