"""The pieces of the local stack: its home, its echo endpoint, and what keeps its parts running."""

import asyncio
import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from mainspring.runtime import children
from mainspring.testing import cluster
from mainspring.testing.patience import until
from mainspring_cli import parts
from mainspring_cli.app import app
from mainspring_cli.echo import echo_endpoint
from mainspring_cli.home import PORT_VARIABLES, Home, HomeTaken, PortTaken, displaced
from mainspring_cli.parts import LogErrors, Service, StackFailed
from mainspring_cli.sample import hello_world
from mainspring_cli.say import Say


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "logs").mkdir()
    return Home(tmp_path)


@pytest.fixture
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, _ in PORT_VARIABLES.values():
        monkeypatch.setenv(variable, "0")


@pytest.fixture
def taken() -> Iterator[int]:
    with cluster.throwaway_nats() as server:
        yield server.port


def service(home: Home, name: str) -> Service:
    return Service(name, children.free_port(), home.logs / f"{name}.log", dict(os.environ))


@pytest.mark.usefixtures("free_ports")
def test_free_ports_are_taken_again_the_next_time(home: Home) -> None:
    first = home.ports()
    assert len(set(first.values())) == len(PORT_VARIABLES)
    assert home.ports() == first


@pytest.mark.usefixtures("free_ports")
def test_a_port_asked_for_by_number_is_given_or_refused(
    home: Home, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = children.free_port()
    monkeypatch.setenv("MAINSPRING_API_PORT", str(asked))
    assert home.ports()["api"] == asked
    monkeypatch.setenv("MAINSPRING_API_PORT", str(taken))
    with pytest.raises(PortTaken, match=f"{taken} is in use; MAINSPRING_API_PORT=0"):
        home.ports()


@pytest.mark.usefixtures("free_ports")
def test_a_usual_port_that_is_in_use_gives_way_and_nobody_asked_for_it_by_number(
    home: Home, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = {**PORT_VARIABLES, "api": ("MAINSPRING_API_PORT", taken)}
    monkeypatch.setattr("mainspring_cli.home.PORT_VARIABLES", usual)
    monkeypatch.delenv("MAINSPRING_API_PORT")
    ports = home.ports()
    assert ports["api"] != taken
    assert displaced(ports) == {"api": taken}
    assert home.ports() == ports


@pytest.mark.usefixtures("free_ports")
@pytest.mark.parametrize("nonsense", ["http", "-1", "65536", "80.5"])
def test_a_port_that_is_none_is_refused_by_name(
    home: Home, monkeypatch: pytest.MonkeyPatch, nonsense: str
) -> None:
    monkeypatch.setenv("MAINSPRING_NATS_PORT", nonsense)
    with pytest.raises(PortTaken, match=f"MAINSPRING_NATS_PORT={nonsense} is no port"):
        home.ports()


def test_secrets_are_made_once_and_only_their_owner_reads_them(home: Home) -> None:
    assert home.secrets() == home.secrets()
    assert (home.folder / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_home_has_one_owner(home: Home) -> None:
    with home.locked(), pytest.raises(HomeTaken, match=f"process {os.getpid()}"), home.locked():
        pass


def test_a_stack_that_has_stopped_has_no_status_and_its_ports_may_be_anybodys(home: Home) -> None:
    home.announce({"services": {"api": "http://127.0.0.1:1"}})
    with home.locked():
        running = CliRunner().invoke(app, ["status", "--home", str(home.folder)])
    assert running.exit_code == 1
    assert "not ready" in running.output
    stopped = CliRunner().invoke(app, ["status", "--home", str(home.folder)])
    assert stopped.exit_code == 1
    assert "no local stack runs in" in stopped.output


async def test_the_echo_endpoint_says_what_it_was_asked() -> None:
    async with echo_endpoint(children.free_port()) as url, httpx.AsyncClient() as client:
        for number in (1, 2):  # on one connection
            answer = await client.post(f"{url}/run", json={"n": number})
            assert answer.json() == {"method": "POST", "path": "/run", "body": {"n": number}}


async def test_the_echo_endpoint_survives_what_is_not_http() -> None:
    port = children.free_port()
    async with echo_endpoint(port) as url, httpx.AsyncClient() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        assert (await client.get(url)).status_code == 200


def test_a_connection_that_is_open_when_the_stack_ends_is_no_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leave() -> None:
        port = children.free_port()
        async with echo_endpoint(port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()

    asyncio.run(leave())
    assert not caplog.records


async def test_a_service_that_dies_before_it_is_ready_is_told_with_its_last_words(
    home: Home,
) -> None:
    dead = service(home, "that_is_not_there")
    dead.start()
    async with httpx.AsyncClient() as client:
        with pytest.raises(StackFailed, match="No module named mainspring_that_is_not_there"):
            await parts.wait_ready(client, [dead])


async def test_a_service_is_not_ready_because_another_answers_at_its_port(home: Home) -> None:
    port = children.free_port()
    dead = Service("that_is_not_there", port, home.logs / "dead.log", dict(os.environ))
    async with echo_endpoint(port), httpx.AsyncClient() as client:
        dead.start()
        await until(lambda: not dead.is_running)
        with pytest.raises(StackFailed, match="ended instead of becoming ready"):
            await parts.wait_ready(client, [dead])


async def test_a_part_that_dies_is_started_again(home: Home) -> None:
    with cluster.throwaway_nats() as server:
        back = asyncio.Event()

        async def restarted() -> None:
            back.set()

        with redirect_stdout(io.StringIO()) as said:
            keeper = asyncio.create_task(parts.keep_running(server, Say(as_json=True), restarted))
            assert server.pid is not None
            os.kill(server.pid, 9)
            await asyncio.wait_for(back.wait(), 10)
            keeper.cancel()
        events = [json.loads(line)["event"] for line in said.getvalue().splitlines()]
        assert events == ["died", "restarted"]
        assert server.is_running


def test_only_new_errors_of_a_service_log_reach_the_console(home: Home) -> None:
    log = home.logs / "api.log"
    log.write_text('{"level": "error", "msg": "of yesterday"}\n')
    errors = LogErrors(log)
    with log.open("a") as more:
        more.write('not JSON\n{"level": "info", "msg": "fine"}\n')
        more.write('{"level": "error", "msg": "the disk is full"}\n{"level": "err')
    assert errors.new() == ["the disk is full"]
    with log.open("a") as more:
        more.write('or", "msg": "written in two pieces"}\n')
    assert errors.new() == ["written in two pieces"]
    log.write_text('{"level": "error", "msg": "in a new file"}\n')
    assert errors.new() == ["in a new file"]


def test_the_sample_is_the_hello_world_request_but_for_the_host() -> None:
    node = hello_world("http://service")["definition"]["nodes"][0]
    assert node["action"]["request"] == {"url": "http://service/run", "verb": "POST"}
