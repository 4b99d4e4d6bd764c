"""What both HTTP clients promise: the one over sockets, and the one over scripted peers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import pytest

from mainspring.ports import HttpAnswer, HttpClient, HttpFault
from mainspring.runtime.clock import SystemClock
from mainspring.testing.http import Call, Reply, ScriptedHttp
from mainspring.testing.patience import moment, until
from mainspring.testing.wire import Peer, Visit, raw_peer
from mainspring_executor.client import Client
from mainspring_executor.egress import Egress

MOST = 1000
Serve = Callable[[Call], Reply]


class Stage(Protocol):
    """A client and the one peer that it can call."""

    client: HttpClient
    url: str
    serve: Serve
    calls: list[Call]


class Scripted:
    def __init__(self) -> None:
        world = ScriptedHttp(SystemClock())
        self.client: HttpClient = world
        self.url = "http://peer.test/path"
        self.serve: Serve = lambda _: Reply()
        for verb in ("GET", "HEAD", "POST"):
            world.on(verb, self.url, self._serve)
        self.calls = world.calls

    def _serve(self, call: Call) -> Reply:
        return self.serve(call)  # what it is now, not what it was at first


class Real:
    def __init__(self, client: Client) -> None:
        self.client: HttpClient = client
        self.url = ""
        self.serve: Serve = lambda _: Reply()
        self.calls: list[Call] = []

    async def visit(self, visit: Visit) -> None:
        while request := await visit.request():
            head, _, body = request.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
            call = Call(first.split(" ")[0], self.url, headers, body, 0.0)
            self.calls.append(call)
            reply = self.serve(call)
            await moment(reply.latency)
            if reply.lost:
                visit.reset()
                return
            await visit.say(written(reply, call.verb))


def written(reply: Reply, verb: str) -> bytes:
    body, headers = reply.encoded()
    if reply.status not in (204, 304):
        headers = headers | {"content-length": str(len(body))}
    lines = "".join(f"{name.title()}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {reply.status} Whatever\r\n{lines}\r\n".encode()
    return head if verb == "HEAD" or reply.status in (204, 304) else head + body


@pytest.fixture(params=["scripted", "real"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    if request.param == "scripted":
        yield Scripted()
        return
    real = Real(Client(Egress(private=True)))
    async with raw_peer(real.visit) as peer:
        peer: Peer
        real.url = peer.url("/path")
        yield real
        await real.client.close()


def call(
    stage: Stage, verb: str = "POST", body: bytes | None = b"{}", *, timeout: float = 5.0
) -> Awaitable[HttpAnswer]:
    headers = {"Idempotency-Key": "key-1", "X-Which": "one"}
    return stage.client.request(
        verb, stage.url, headers=headers, body=body, timeout=timeout, max_body=MOST
    )


async def test_an_answer_has_status_headers_in_lower_case_and_body(stage: Stage) -> None:
    stage.serve = lambda _: Reply(201, {"id": 7}, {"X-Trace": "Abc"})
    answer = await call(stage)
    assert answer.status == 201
    assert answer.headers["x-trace"] == "Abc"
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == b'{"id":7}'


async def test_the_peer_sees_verb_headers_and_body_as_given(stage: Stage) -> None:
    await call(stage, "POST", b'{"a":1}')
    [seen] = stage.calls
    assert (seen.verb, seen.idempotency_key, seen.json) == ("POST", "key-1", {"a": 1})
    assert seen.headers["x-which"] == "one"


async def test_any_status_is_an_answer_and_no_fault(stage: Stage) -> None:
    for status in (200, 302, 404, 500, 503):
        stage.serve = lambda _, status=status: Reply(status, b"text", {"Location": "/elsewhere"})
        assert (await call(stage)).status == status
    assert len(stage.calls) == 5


@pytest.mark.parametrize(("verb", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_answers_that_have_no_body_have_none(stage: Stage, verb: str, status: int) -> None:
    stage.serve = lambda _: Reply(status, b"never sent")
    answer = await call(stage, verb, None)
    assert (answer.status, answer.body) == (status, b"")
    stage.serve = lambda _: Reply(200, b"next")
    assert (await call(stage, "GET", None)).body == b"next"


async def test_a_body_of_just_the_limit_passes_and_a_larger_one_is_a_fault(stage: Stage) -> None:
    stage.serve = lambda _: Reply(200, b"x" * MOST)
    assert len((await call(stage)).body) == MOST
    stage.serve = lambda _: Reply(200, b"x" * (MOST + 1))
    with pytest.raises(HttpFault) as caught:
        await call(stage)
    assert caught.value.kind == "too_large"


async def test_an_answer_that_is_late_is_a_timeout_and_the_peer_was_called(stage: Stage) -> None:
    stage.serve = lambda _: Reply(latency=1.0)
    with pytest.raises(HttpFault) as caught:
        await call(stage, timeout=0.05)
    assert caught.value.kind == "timeout"
    assert len(stage.calls) == 1


async def test_a_lost_answer_is_a_fault_of_the_connection_and_the_call_was_made(
    stage: Stage,
) -> None:
    stage.serve = lambda _: Reply(lost=True)
    with pytest.raises(HttpFault) as caught:
        await call(stage)
    assert caught.value.kind == "connection"
    assert len(stage.calls) == 1


@pytest.mark.parametrize("url", ["ftp://peer.test/", "file:///etc/passwd", "peer.test", ""])
async def test_only_http_is_spoken(stage: Stage, url: str) -> None:
    with pytest.raises(HttpFault) as caught:
        await stage.client.request("GET", url, headers={}, body=None, timeout=1, max_body=MOST)
    assert caught.value.kind == "refused"
    assert stage.calls == []


async def test_calls_side_by_side_get_each_their_own_answer(stage: Stage) -> None:
    stage.serve = lambda call: Reply(200, call.body or b"", latency=0.001)
    bodies = [b"%d" % number for number in range(40)]
    answers = await asyncio.gather(*(call(stage, "POST", body) for body in bodies))
    assert [answer.body for answer in answers] == bodies


async def test_a_canceled_call_spoils_no_later_one(stage: Stage) -> None:
    stage.serve = lambda _: Reply(200, b"warm")
    await call(stage)
    stage.serve = lambda _: Reply(200, b"of the canceled", latency=0.05)
    canceled = asyncio.ensure_future(call(stage))
    await until(lambda: len(stage.calls) == 2)
    canceled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await canceled
    stage.serve = lambda _: Reply(200, b"of the next")
    assert (await call(stage)).body == b"of the next"
