"""The client over sockets, against peers that say exactly the bytes of each case."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainspring.ports import HttpAnswer, HttpFault
from mainspring.testing.patience import moment
from mainspring.testing.wire import Visit, answering, raw_peer
from mainspring_executor import connection
from mainspring_executor.client import Client, trusted
from mainspring_executor.egress import Egress

MOST = 100_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TLS = Path(__file__).parent / "tls"


async def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    context = trusted()
    context.load_verify_locations(TLS / "peer.pem")
    made = Client(Egress(private=True, resolve=to_loopback), tls=context)
    yield made
    await made.close()


async def call(
    client: Client,
    url: str,
    verb: str = "GET",
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout: float = 5.0,
) -> HttpAnswer:
    return await client.request(
        verb, url, headers=headers or {}, body=body, timeout=timeout, max_body=MOST
    )


async def fault_of(client: Client, answer: bytes, verb: str = "GET") -> HttpFault:
    """Call a peer that says `answer` and hangs up; return the fault."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(answer)
        await visit.close()

    async with raw_peer(script) as peer:
        with pytest.raises(HttpFault) as caught:
            await call(client, peer.url(), verb)
    return caught.value


# Reading answers.


async def test_a_chunked_answer_is_put_together_also_when_it_comes_byte_by_byte(
    client: Client,
) -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
        b"4;note=1\r\nmain\r\n6\r\nspring\r\n0\r\nX-T: 1\r\n\r\n"
    )

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(*(answer[i : i + 1] for i in range(len(answer))))
        await visit.request()
        await visit.say(OK)

    async with raw_peer(script) as peer:
        first = await call(client, peer.url())
        assert first.body == b"mainspring"
        assert "x-t" not in first.headers
        assert (await call(client, peer.url())).body == b"ok"
        assert peer.visits == 1


async def test_interim_answers_are_passed_over(client: Client) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with answering(interim + OK, OK) as peer:
        answer = await call(client, peer.url())
        assert (answer.status, answer.body) == (200, b"ok")
        assert "link" not in answer.headers
        await call(client, peer.url())
        assert peer.visits == 1


async def test_interim_answers_without_end_are_a_fault(client: Client) -> None:
    fault = await fault_of(client, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50 + OK)
    assert fault.kind == "connection"


async def test_a_change_of_protocol_is_a_fault(client: Client) -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    assert (await fault_of(client, head + b"\0\0")).kind == "connection"


async def test_a_body_without_length_ends_with_the_connection(client: Client) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.0 200 OK\r\nX: 1\r\n\r\n", b"until ", b"the end")
        await visit.close()

    async with raw_peer(script) as peer:
        assert (await call(client, peer.url())).body == b"until the end"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
    ],
)
async def test_an_answer_that_is_broken_or_ambiguous_is_a_fault(
    client: Client, answer: bytes
) -> None:
    assert (await fault_of(client, answer)).kind == "connection"


async def test_bytes_after_an_answer_are_never_the_next_answer(client: Client) -> None:
    smuggled = OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    async with answering(smuggled) as peer:
        assert (await call(client, peer.url())).body == b"ok"
        async with asyncio.timeout(5):
            while peer.visits < 2:
                await call(client, peer.url())


async def test_names_that_come_twice_are_joined(client: Client) -> None:
    head = b"HTTP/1.1 200 OK\r\nVia: a\r\nVIA: b\r\nContent-Length: 0\r\n\r\n"
    async with answering(head) as peer:
        assert (await call(client, peer.url())).headers["via"] == "a, b"


async def test_an_early_answer_to_a_large_body_is_heard_and_ends_the_connection(
    client: Client,
) -> None:
    async def script(visit: Visit) -> None:
        await visit.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await visit.gone()

    async with raw_peer(script) as peer:
        body = b"x" * 20_000_000
        answer = await call(client, peer.url(), "POST", body=body)
        assert answer.status == 413
        await call(client, peer.url(), "POST", body=body)
        assert peer.visits == 2


# Bounds.


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-%d: 1\r\n" * 1 % 1 + b"A: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 400_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 400_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n" + b"x" * 100_001,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_001,
    ],
    ids=["header", "headers", "endless header", "endless chunk size", "body", "unframed body"],
)
async def test_what_a_peer_makes_long_is_a_fault(client: Client, answer: bytes) -> None:
    assert (await fault_of(client, answer)).kind == "too_large"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "two members"])
async def test_compressed_answers_are_undone(client: Client, coding: str) -> None:
    text = b'{"a":"' + b"mainspring" * 500 + b'"}'
    bare = zlib.compressobj(wbits=-15)
    body = {
        "gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw deflate": bare.compress(text) + bare.flush(),
        "two members": gzip.compress(text[:100]) + gzip.compress(text[100:]),
    }[coding]
    name = b"deflate" if "deflate" in coding else b"gzip"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
    async with answering(head % (name, len(body)) + body) as peer:
        assert (await call(client, peer.url())).body == text
        assert b"Accept-Encoding: gzip, deflate\r\n" in peer.requests[0]


@pytest.mark.parametrize("members", [1, 2])
async def test_a_bomb_costs_no_more_than_the_limit(client: Client, members: int) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000) * members
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    assert (await fault_of(client, head + bomb)).kind == "too_large"


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(b"cut off")[:-4]])
async def test_broken_compression_is_a_fault(client: Client, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert (await fault_of(client, head + body)).kind == "connection"


async def test_a_peer_that_says_a_byte_now_and_then_is_late_in_the_end(client: Client) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        for _ in range(1000):
            await visit.say(b"H")
            await moment()

    async with raw_peer(script) as peer:
        with pytest.raises(HttpFault) as caught:
            await call(client, peer.url(), timeout=0.1)
    assert caught.value.kind in ("timeout", "connection")


# Kept connections.


async def test_a_connection_is_used_again_until_its_peer_says_close(client: Client) -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    async with answering(OK, OK, last) as peer:
        for _ in range(4):
            await call(client, peer.url())
        assert peer.visits == 2


async def stale(client: Client, verb: str, headers: dict[str, str]) -> tuple[int, list[bytes]]:
    """Use a connection, whose peer then drops the second request unanswered; make that one."""
    seen: list[bytes] = []

    async def script(visit: Visit) -> None:
        seen.append(await visit.request())
        await visit.say(OK)
        if visit.number == 1:
            seen.append(await visit.request())
            visit.reset()
            return
        await visit.gone()

    async with raw_peer(script) as peer:
        await call(client, peer.url(), "GET")
        answer = await call(client, peer.url(), verb, body=b"{}", headers=headers)
        return answer.status, seen


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "POST"])
async def test_a_stale_connection_is_replaced_when_the_call_may_be_repeated(
    client: Client, verb: str
) -> None:
    headers = {"Idempotency-Key": "k"} if verb == "POST" else {}
    status, seen = await stale(client, verb, headers)
    assert status == 200
    assert seen[1] == seen[2]


async def test_a_post_without_key_is_not_repeated(client: Client) -> None:
    with pytest.raises(HttpFault) as caught:
        await stale(client, "POST", {})
    assert caught.value.kind == "connection"


async def test_a_new_connection_that_fails_is_not_tried_twice(client: Client) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.reset()

    async with raw_peer(script) as peer:
        with pytest.raises(HttpFault):
            await call(client, peer.url())
        assert peer.visits == 1


async def test_an_answer_that_began_is_never_asked_for_again(client: Client) -> None:
    async with answering(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") as peer:
        await call(client, peer.url())
        with pytest.raises(HttpFault):
            await call(client, peer.url(), timeout=0.1)
        assert len(peer.requests) == 2


async def test_a_connection_is_not_kept_longer_than_its_peer_says(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"
    async with answering(brief, OK) as peer:
        await call(client, peer.url())
        await call(client, peer.url())
        assert peer.visits == 2


async def test_unused_connections_are_closed_by_themselves(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE", 0.01)
    monkeypatch.setattr("mainspring_executor.client.IDLE", 0.02)
    gone = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(OK)
        await visit.gone()
        gone.set()

    async with raw_peer(script) as peer:
        await call(client, peer.url())
        async with asyncio.timeout(5):
            await gone.wait()


async def test_calls_under_way_fail_when_the_client_is_closed(client: Client) -> None:
    heard = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        heard.set()
        await visit.gone()

    async with raw_peer(script) as peer:
        waiting = asyncio.ensure_future(call(client, peer.url()))
        await heard.wait()
        await client.close()
        with pytest.raises(HttpFault):
            await waiting
        with pytest.raises(HttpFault):
            await call(client, peer.url())


# What is sent.


async def test_the_callers_framing_headers_are_left_out(client: Client) -> None:
    headers = {"Host": "inner.test", "Content-Length": "0", "Transfer-Encoding": "chunked"}
    async with answering(OK) as peer:
        await call(client, peer.url("/a?b=c#d"), "POST", body=b"body", headers=headers)
        said = peer.requests[0]
    assert said.startswith(b"POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")
    assert said.count(b"Content-Length") == 1
    assert b"inner.test" not in said
    assert b"chunked" not in said
    assert said.endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize(
    "headers", [{"A": "b\r\nC: d"}, {"A\r\nB": "c"}, {"A B": "c"}, {"": "x"}, {"A": "\0"}]
)
async def test_no_header_can_start_another(client: Client, headers: dict[str, str]) -> None:
    with pytest.raises(HttpFault) as caught:
        await call(client, "http://127.0.0.1:1234/", headers=headers)
    assert caught.value.kind == "refused"


async def test_a_target_cannot_break_the_request_line(client: Client) -> None:
    async with answering(OK) as peer:
        await call(client, peer.url('/a b\r\nX: y/é?q="<>\\'))
        line = peer.requests[0].split(b"\r\n")[0]
    assert line == b"GET /a%20b%0D%0AX:%20y/%C3%A9?q=%22%3C%3E%5C HTTP/1.1"


# Connecting.


def server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "peer.pem", TLS / "key.pem")
    return context


async def test_tls_is_verified_against_the_name_while_the_checked_address_is_used(
    client: Client,
) -> None:
    names: list[str | None] = []
    context = server_side()
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    async def script(visit: Visit) -> None:
        for _ in range(2):
            await visit.request()
            await visit.say(OK)

    async with raw_peer(script, context) as peer:
        for _ in range(2):
            assert (await call(client, peer.url(host="peer.test"))).body == b"ok"
        assert peer.visits == 1
    assert names == ["peer.test"]


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
async def test_a_certificate_for_another_name_is_a_fault(client: Client, host: str) -> None:
    async def script(visit: Visit) -> None:
        await visit.gone()

    async with raw_peer(script, server_side()) as peer:
        with pytest.raises(HttpFault, match="certificate") as caught:
            await call(client, peer.url(host=host))
        assert caught.value.kind == "connection"


async def test_a_certificate_that_nobody_trusts_is_a_fault() -> None:
    client = Client(Egress(private=True, resolve=to_loopback))

    async def script(visit: Visit) -> None:
        await visit.gone()

    async with raw_peer(script, server_side()) as peer:
        with pytest.raises(HttpFault, match="certificate"):
            await call(client, peer.url(host="peer.test"))
    await client.close()


async def test_a_port_where_nobody_listens_is_a_fault_of_the_connection(client: Client) -> None:
    async with answering() as peer:
        url = peer.url()
    with pytest.raises(HttpFault) as caught:
        await call(client, url)
    assert caught.value.kind == "connection"


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async def two(host: str, port: int) -> list[str]:
        return ["::1", "127.0.0.1"]

    client = Client(Egress(private=True, resolve=two))
    async with answering(OK) as peer:
        assert (await call(client, peer.url(host="peer.test"))).body == b"ok"
    await client.close()


async def test_a_name_server_that_does_not_answer_is_a_timeout() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    client = Client(Egress(resolve=never))
    with pytest.raises(HttpFault) as caught:
        await call(client, "http://slow.test/", timeout=0.02)
    assert caught.value.kind == "timeout"
    await client.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
