"""The connection below the bus: what it overrides in the client library, and a peer's manners."""

import asyncio
import inspect
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from nats.protocol.parser import Parser

from mainspring.bus import link as links
from mainspring.bus.link import Link
from mainspring.bus.wire import Heard, Said, Wire
from mainspring.domain.errors import BusUnavailable

PATIENT = 10.0


@pytest.fixture
async def wire(nats_url: str) -> AsyncIterator[Wire]:
    wire = Wire()
    await wire.connect(nats_url, allow_reconnect=False)
    yield wire
    await wire.close()


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._more = asyncio.Event()

    def __call__(self, message: Heard) -> None:
        self.heard.append(message)
        self._more.set()

    async def until(self, count: int) -> list[Heard]:
        async with asyncio.timeout(PATIENT):
            while len(self.heard) < count:
                self._more.clear()
                await self._more.wait()
        return self.heard


def test_the_library_still_has_what_is_overridden() -> None:
    asked = list(inspect.signature(Client._process_msg).parameters)  # pyright: ignore[reportPrivateUsage]
    assert asked == ["self", "sid", "subject", "reply", "data", "headers"]
    parser = inspect.getsource(Parser.parse)
    assert "await self.nc._process_msg(sid, subject, reply, payload, hdr)" in parser
    assert {"_sid", "_transport"} <= set(vars(Client()))
    assert "_io_writer" in vars(TcpTransport())


async def test_what_is_said_together_is_heard_in_order_by_each_listener(wire: Wire) -> None:
    everything, some = Ear(), Ear()
    wire.hear("law.*", everything)
    wire.hear("law.*", some)
    wire.say([Said(f"law.{n}", b"%d" % n) for n in range(50)])
    told = [(f"law.{n}", b"%d" % n) for n in range(50)]
    assert [(m.subject, m.data) for m in await everything.until(50)] == told
    assert [(m.subject, m.data) for m in await some.until(50)] == told


async def test_an_id_and_a_reply_arrive_with_their_message(wire: Wire) -> None:
    ear = Ear()
    wire.hear("law", ear)
    wire.say([Said("law", b"", "back", "one:1"), Said("law", b"plain")])
    first, second = await ear.until(2)
    assert (first.reply, first.data, first.headers) == ("back", b"", {"Nats-Msg-Id": "one:1"})
    assert (second.reply, second.data, second.headers) == ("", b"plain", {})


async def test_the_status_of_an_answer_is_among_its_headers(wire: Wire) -> None:
    ear = Ear()
    wire.hear("back", ear)
    wire.say([Said("nobody.listens", b"", "back")])
    (answer,) = await ear.until(1)
    assert answer.headers["Status"] == "503"


@pytest.mark.parametrize(
    ("head", "headers"),
    [
        (b"NATS/1.0\r\nA: b\r\n\r\n", {"A": "b"}),
        (b"NATS/1.0 404 No Messages\r\n\r\n", {"Status": "404"}),
        (
            b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 7\r\n\r\n",
            {"Status": "408", "Nats-Pending-Messages": "7"},
        ),
        (b"NATS/1.0\r\nno colon\r\nUrl:a:b\r\n\r\n", {"Url": "a:b"}),
        (b"NATS/1.0\r\nA: \xff\r\n\r\n", {"A": "\ufffd"}),
        (b"", {}),
    ],
)
def test_heads_are_read_as_they_are_written(head: bytes, headers: dict[str, str]) -> None:
    assert Heard("", "", b"", head).headers == headers


async def test_a_listener_that_fails_disturbs_nobody(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(message: Heard) -> None:
        raise ValueError(message.subject)

    ear = Ear()
    wire.hear("law", fail)
    wire.hear("law", ear)
    wire.say([Said("law", b"1"), Said("law", b"2")])
    assert [m.data for m in await ear.until(2)] == [b"1", b"2"]
    assert "was not understood" in caplog.text


async def test_who_leaves_hears_what_was_on_its_way_and_who_drops_does_not(wire: Wire) -> None:
    leaving, dropping, end = Ear(), Ear(), Ear()
    first, second = wire.hear("law", leaving), wire.hear("law", dropping)
    wire.hear("end", end)
    wire.say([Said("law", b"1")])
    wire.leave(first)
    wire.drop(second)
    wire.say([Said("law", b"2"), Said("end", b"")])
    await end.until(1)
    assert [m.data for m in leaving.heard] == [b"1"]
    assert dropping.heard == []


@pytest.mark.parametrize(
    "message",
    [
        Said("", b""),
        Said("a b", b""),
        Said("a\r\nPUB b 0\r\n\r\n", b""),
        Said("a", b"", "b c"),
        Said("a", b"", "", "x\r\nNats-TTL: 1"),
        Said("a", bytes(2 * 1024 * 1024)),
    ],
)
async def test_what_would_break_the_connection_is_refused_with_its_batch(
    wire: Wire, message: Said
) -> None:
    ear = Ear()
    wire.hear("law", ear)
    with pytest.raises(ValueError, match=r"a subject|an id|bytes"):
        wire.say([Said("law", b"with it"), message])
    wire.say([Said("law", b"after it")])
    assert [m.data for m in await ear.until(1)] == [b"after it"]


class Recorder(Wire):
    """A wire that keeps what it writes, as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def _write(self, data: bytes) -> None:
        self.writes.append(data)
        super()._write(data)


@pytest.fixture
async def recorder(nats_url: str) -> AsyncIterator[Recorder]:
    wire = Recorder()
    await wire.connect(nats_url, allow_reconnect=False)
    yield wire
    await wire.close()


async def test_what_waits_goes_out_behind_what_is_said_in_the_same_write(
    recorder: Recorder,
) -> None:
    recorder.say_later([Said("ack", b"1")])
    recorder.say_later([Said("ack", b"2")])
    assert recorder.writes == []
    recorder.say([Said("task", b"3"), Said("task", b"4")])
    together = b"".join(
        b"PUB %b 1\r\n%b\r\n" % words
        for words in ((b"task", b"3"), (b"task", b"4"), (b"ack", b"1"), (b"ack", b"2"))
    )
    assert recorder.writes == [together]
    await recorder.close()
    assert recorder.writes == [together]


async def test_what_waits_goes_out_in_the_next_turn_when_nothing_is_said(
    recorder: Recorder,
) -> None:
    recorder.say_later([Said("ack", b"1")])
    recorder.say_later([Said("ack", b"2")])
    await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time
    assert recorder.writes == [b"PUB ack 1\r\n1\r\nPUB ack 1\r\n2\r\n"]


async def test_what_waits_is_kept_when_what_is_said_is_refused(recorder: Recorder) -> None:
    recorder.say_later([Said("ack", b"1")])
    with pytest.raises(ValueError, match="a subject"):
        recorder.say([Said("a b", b"")])
    await recorder.close()
    assert recorder.writes == [b"PUB ack 1\r\n1\r\n"]


class Deaf:
    """A broker that greets and then reads nothing."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload":1048576}\r\n')
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await self._over.wait()
        writer.close()

    def end(self) -> None:
        self._over.set()


@pytest.fixture
async def deaf() -> AsyncIterator[str]:
    peer = Deaf()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, limit=1024)
    port = server.sockets[0].getsockname()[1]
    yield f"nats://127.0.0.1:{port}"
    peer.end()
    server.close()
    await server.wait_closed()


async def _talk(link: Link) -> None:
    async with asyncio.timeout(PATIENT):
        while True:
            await link.say([Said("law", bytes(1024 * 1024))])


async def test_a_peer_that_reads_nothing_is_taken_for_gone(
    deaf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "FLUSH_S", 0.2)
    monkeypatch.setattr(links, "CONNECT_S", 1.0)
    link, lost = Link(deaf, "law"), asyncio.Event()
    link.on_lost = lost.set
    await link.open()
    with pytest.raises(BusUnavailable):
        await _talk(link)
    assert lost.is_set()
    assert not link.up
    await link.shut()
    with pytest.raises(BusUnavailable):
        await link.say([Said("law", b"")])
