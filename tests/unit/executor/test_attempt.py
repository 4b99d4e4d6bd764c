"""One task makes one report, whatever happens, and the report keeps no secret."""

import hmac
from typing import Any

import msgspec
import pytest

from mainspring.domain.definition import NOTIFY, Request
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.task import CallId, Exchange, Finished, Task
from mainspring.ports import HttpAnswer, HttpClient, HttpFault
from mainspring.runtime import tokens
from mainspring.runtime.config import CallbackKey
from mainspring.testing.http import Call, Reply, ScriptedHttp
from mainspring.testing.patience import moment
from mainspring_executor.attempt import LARGE, Attempt, Workshop
from mainspring_executor.prepare import USER_AGENT

URL = "http://shop.test/orders"
KEY = CallbackKey("k1", b"s" * 32)
RUN = "0190f2d4-8b1e-7c3a-9d2e-5f6a7b8c9d0e"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


class Still:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.at = 1_700_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await moment(0)


class Chance:
    def seed(self) -> str:
        return "0123456789abcdef" * 2


class Shelf:
    """Blobs in memory, which may be away for the next few questions."""

    def __init__(self, **kept: bytes) -> None:
        self.kept = kept
        self.away = 0

    async def put(self, data: bytes) -> str:
        self._ask()
        ref = f"ref{len(self.kept)}"
        self.kept[ref] = data
        return ref

    async def get(self, ref: str) -> bytes | None:
        self._ask()
        return self.kept.get(ref)

    async def forget(self, *, unused_for: float, limit: int) -> int:
        raise AssertionError(f"an executor forgets nothing ({unused_for}, {limit})")

    def _ask(self) -> None:
        if self.away:
            self.away -= 1
            raise LogUnavailable


class Bench:
    """An attempt's surroundings: one peer, and all that it saw."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.clock = Still()
        self.world = ScriptedHttp(self.clock)
        self.shelf = Shelf()
        self.http: HttpClient = self.world
        self.keys: tuple[CallbackKey, ...] = (KEY,)
        for verb in ("GET", "POST"):
            self.world.on(verb, "http://shop.test/*", reply or Reply(200, {"ok": True}))

    async def run(self, task: Task) -> Finished:
        shop = Workshop(
            self.http,
            self.shelf,
            self.clock,
            Chance(),
            self.keys,
            public_url="https://engine.test",
            name="executor-1",
            max_answer=1 << 20,
        )
        return await Attempt(task, shop).run()

    @property
    def seen(self) -> Call:
        [call] = self.world.calls
        return call


def task(url: str = URL, **changes: Any) -> Task:
    request = Request(url=url, **changes.pop("request", {}))
    fields: dict[str, Any] = {
        "call": CallId(RUN, "charge", attempt=2),
        "request": request,
        "deadline": 1_700_000_060.0,
        "timeout": 30.0,
        "idempotency_key": "key-1",
        "traceparent": PARENT,
    }
    return Task(**(fields | changes))


def body(value: Any, **headers: str) -> dict[str, Any]:
    return {"body": value, "has_body": True, "headers": headers}


async def exchange(reply: Reply, **changes: Any) -> Exchange:
    return (await Bench(reply).run(task(**changes))).exchange


# What goes out.


async def test_templates_are_filled_for_where_they_stand() -> None:
    bench = Bench()
    request = body({"sku": "{{payload.sku}}", "n": "{{payload.n}}"}, **{"X-Who": "{{payload.who}}"})
    values = {"payload": {"sku": 'a"b', "n": 3, "who": "me\r\nX-Evil: 1", "id": "a/b?c"}}
    await bench.run(task("http://shop.test/o/{{payload.id}}", values=values, request=request))
    assert bench.seen.url == "http://shop.test/o/a%2Fb%3Fc"
    assert bench.seen.json == {"sku": 'a"b', "n": 3}
    assert bench.seen.headers["x-who"] == "meX-Evil: 1"
    assert bench.seen.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"a": 1}, "application/json"),
        ([1], "application/json"),
        ('{"a": 1}', "application/json"),
        ("plain", None),
        (None, "application/json"),
    ],
)
async def test_a_body_is_called_json_when_it_is(value: Any, kind: str | None) -> None:
    bench = Bench()
    await bench.run(task(request=body(value)))
    assert bench.seen.headers.get("content-type") == kind


async def test_a_request_without_body_sends_none() -> None:
    bench = Bench()
    await bench.run(task(request={"verb": "GET"}))
    assert bench.seen.body is None
    assert "content-type" not in bench.seen.headers


async def test_every_request_carries_key_trace_and_agent() -> None:
    bench = Bench()
    await bench.run(task())
    headers = bench.seen.headers
    assert headers["idempotency-key"] == "key-1"
    assert headers["user-agent"] == USER_AGENT
    assert headers["traceparent"] == "00-4bf92f3577b34da6a3ce929d0e0e4736-0123456789abcdef-00"


async def test_the_definitions_headers_replace_ours_in_any_case_but_not_the_trace() -> None:
    bench = Bench()
    own = {"content-TYPE": "text/x", "USER-agent": "me", "idempotency-key": "mine"}
    await bench.run(task(request=body({"a": 1}, **own, Traceparent="theirs")))
    headers = bench.seen.headers
    assert (headers["content-type"], headers["user-agent"]) == ("text/x", "me")
    assert headers["idempotency-key"] == "mine"
    assert headers["traceparent"].startswith("00-4bf92f35")


async def test_an_idempotency_key_that_renders_to_nothing_is_ours_again() -> None:
    bench = Bench()
    await bench.run(task(request={"headers": {"Idempotency-Key": "{{payload.absent}}"}}))
    assert bench.seen.idempotency_key == "key-1"


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        PARENT + "-more",
        "ff" + PARENT[2:],
    ],
)
async def test_without_a_valid_parent_a_trace_begins(parent: str) -> None:
    bench = Bench()
    await bench.run(task(traceparent=parent))
    version, trace, span, flags = bench.seen.headers["traceparent"].split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")


async def test_an_asynchronous_step_is_told_where_to_answer_and_with_what() -> None:
    bench = Bench()
    request = body({"to": "{{runtime.callback.url}}", "with": "{{runtime.callback.token}}"})
    values = {"runtime": {"region": "eu"}, "payload": 1}
    asked = task(request=request, values=values, nonce="ab" * 16, callback_expires_at=1_700_000_900)
    await bench.run(asked)
    url = f"https://engine.test/sagas/{RUN}/node/charge/callback"
    assert bench.seen.json["to"] == bench.seen.headers["x-callback-url"] == url
    token = bench.seen.headers["x-callback-token"]
    assert bench.seen.json["with"] == token
    claim = tokens.verify([KEY], token, now=1_700_000_000.0)
    assert claim == tokens.Claim(RUN, "charge", 1, 2, "ab" * 16, 1_700_000_900)
    assert asked.values == {"runtime": {"region": "eu"}, "payload": 1}


async def test_a_dialects_own_names_for_the_callback_are_filled_too() -> None:
    bench = Bench()
    aliases = {"hook.at": "callback.url", "hook.key": "callback.token"}
    await bench.run(task(request=body(["{{hook.at}}"]), nonce="ab", aliases=aliases))
    assert bench.seen.json == [bench.seen.headers["x-callback-url"]]


async def test_without_a_callback_key_an_asynchronous_call_is_not_made() -> None:
    bench = Bench()
    bench.keys = ()
    report = await bench.run(task(nonce="ab"))
    assert report.exchange.fault == "internal"
    assert bench.world.calls == []


async def test_a_notice_is_signed_as_it_was_sent() -> None:
    bench = Bench()
    key = "a/b {{payload.x}}"
    values = {
        "notify": {
            "url": "http://shop.test/hook?q={{x}}",
            "event_key": key,
            "trigger_id": "t",
            "project_id": "default",
            "expires_at": None,
            "callback_url": "/v1/events/a%2Fb/send",
        }
    }
    notice = task(values=values, sign=True)
    finished = await bench.run(msgspec.structs.replace(notice, request=NOTIFY))
    assert finished.exchange.status == 200
    assert bench.seen.json == {
        "event_key": key,
        "trigger_id": "t",
        "project_id": "default",
        "expires_at": None,
        "callback_url": "/v1/events/a%2Fb/send",
    }
    at = int(bench.clock.now())
    signed = hmac.digest(KEY.secret, f"{at}.".encode() + (bench.seen.body or b""), "sha256")
    assert bench.seen.headers["x-mainspring-signature"] == f"kid=k1,t={at},v1={signed.hex()}"


async def test_without_a_key_no_notice_is_sent() -> None:
    bench = Bench()
    bench.keys = ()
    assert (await bench.run(task(sign=True))).exchange.fault == "internal"
    assert bench.world.calls == []


async def test_large_values_are_fetched_by_their_reference() -> None:
    bench = Bench()
    bench.shelf.kept["r"] = b'{"payload":{"a":"far"}}'
    await bench.run(task(request=body({"a": "{{payload.a}}"}), values_ref="r"))
    assert bench.seen.json == {"a": "far"}


async def test_values_that_are_gone_are_a_fault() -> None:
    report = await Bench().run(task(values_ref="nowhere"))
    assert report.exchange.fault == "internal"


async def test_values_that_cannot_be_fetched_now_are_no_attempt() -> None:
    bench = Bench()
    bench.shelf.away = 1
    with pytest.raises(LogUnavailable):
        await bench.run(task(values_ref="r"))
    assert bench.world.calls == []


# What is reported.


async def test_a_report_tells_what_went_out_and_what_came_back() -> None:
    bench = Bench(Reply(201, {"id": 7}, {"X-A": "1"}, latency=0.25))
    report = await bench.run(task(request=body({"a": 1})))
    assert (report.call, report.executor) == (CallId(RUN, "charge", attempt=2), "executor-1")
    made = report.exchange
    assert (made.verb, made.url, made.request_body) == ("POST", URL, '{"a":1}')
    assert (made.status, made.body, made.headers["x-a"]) == (201, {"id": 7}, "1")
    assert (made.started_at, made.latency) == (1_700_000_000.0, 0.25)
    assert (made.fault, made.error) == (None, None)


@pytest.mark.parametrize(
    ("data", "content_type", "kept"),
    [
        (b'{"a":1}', "application/json", {"a": 1}),
        (b"3", "application/vnd.x+json", 3),
        (b' ["a"]', "text/plain", ["a"]),
        (b"3", "text/plain", "3"),
        (b"{broken", "application/json", "{broken"),
        (b"\xfc", "text/plain; charset=ISO-8859-1", "ü"),
        ("ü".encode(), "text/plain", "ü"),
        (b"\xff\xfe\x00\x81", "application/octet-stream", {"$base64": "//4AgQ=="}),
        (b"\xff\x81", "text/plain; charset=rot13", {"$base64": "/4E="}),
        (b"", "application/json", None),
        (b"[" * 100_000, "application/json", "[" * 100_000),
        (b'"\\ud800"', "application/json", '"\\ud800"'),
    ],
)
async def test_a_body_is_kept_as_what_it_is(data: bytes, content_type: str, kept: Any) -> None:
    made = await exchange(Reply(200, data, {"Content-Type": content_type}))
    assert made.body == kept
    assert msgspec.json.decode(msgspec.json.encode(made), type=Exchange) == made


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("9" * 400, 999999999999.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50", 30.0),
        ("Tue, 14 Nov 2000 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
    ],
)
async def test_a_wish_to_be_left_alone_is_read(text: str, seconds: float | None) -> None:
    assert (await exchange(Reply(503, b"", {"Retry-After": text}))).retry_after == seconds


async def test_secrets_are_masked_in_headers_urls_and_bodies() -> None:
    bench = Bench(Reply(200, b"", {"Set-Cookie": "s=1", "X-Api-Key": "k", "X-Ok": "1"}))
    url = "http://shop.test/o?a=1&access_token=abc&api_key=def&sig=x#f"
    report = await bench.run(
        task(url, request=body({"t": "{{runtime.callback.token}}"}), nonce="ab" * 16)
    )
    made = report.exchange
    hidden = "[hidden]"
    assert made.headers == {"set-cookie": hidden, "x-api-key": hidden, "x-ok": "1"}
    assert (
        made.url == f"http://shop.test/o?a=1&access_token={hidden}&api_key={hidden}&sig={hidden}#f"
    )
    assert bench.seen.headers["x-callback-token"] not in msgspec.json.encode(report).decode()
    assert bench.seen.url == url


async def test_a_token_that_the_peer_echoes_is_masked_too() -> None:
    bench = Bench()
    bench.world.on("POST", URL, lambda call: Reply(200, {"got": call.headers["x-callback-token"]}))
    report = await bench.run(task(nonce="ab" * 16))
    assert report.exchange.body == {"got": "[hidden]"}


SECRETS = {
    "Authorization": 'Bearer s3cr3t"bearer',
    "Cookie": "a=1; session=s3cr3t-cookie",
    "X-Api-Key": "s3cr3t-key",
}


@pytest.mark.parametrize("value", ['s3cr3t"bearer', "s3cr3t-cookie", "s3cr3t-key", "s3cr3t-query"])
async def test_a_secret_of_the_definition_is_masked_wherever_the_peer_repeats_it(
    value: str,
) -> None:
    bench = Bench()
    url = "http://shop.test/orders?api_key=s3cr3t-query&x=" + value
    told = {"X-Told": f"<{value}>"}
    bench.world.on("POST", "http://shop.test/*", lambda _: Reply(401, {"got": [value]}, told))
    request = {"headers": SECRETS, "body": {"again": value}, "has_body": True}
    report = await bench.run(task(url, request=request))
    assert bench.seen.headers["authorization"] == SECRETS["Authorization"]
    assert bench.seen.json == {"again": value}
    assert report.exchange.body == {"got": ["[hidden]"]}
    assert report.exchange.headers["x-told"] == "<[hidden]>"
    assert "s3cr3t" not in msgspec.json.encode(report).decode()


async def test_a_secret_that_came_as_data_stays_where_it_is_data() -> None:
    bench = Bench()
    bench.world.on("POST", URL, lambda _: Reply(200, {"token": "from-login", "cookie": "short"}))
    headers = {"Authorization": "Bearer {{payload.token}}", "Cookie": "a=short"}
    values = {"payload": {"token": "from-login"}}
    report = await bench.run(task(request={"headers": headers}, values=values))
    assert report.exchange.body == {"token": "from-login", "cookie": "short"}


async def test_a_password_in_a_url_is_masked_in_the_report_of_its_refusal() -> None:
    made = (await Bench().run(task("ftp://me:secret@shop.test/"))).exchange
    assert made.fault == "refused"
    assert "secret" not in msgspec.json.encode(made).decode()


async def test_a_long_request_body_is_kept_by_its_beginning() -> None:
    made = await exchange(Reply(), request=body("ü" * 100_000))
    assert made.request_body == "ü" * 32_768


async def test_a_large_answer_travels_by_reference() -> None:
    bench = Bench(Reply(200, {"a": "x" * LARGE}))
    report = await bench.run(task())
    assert report.exchange.body is None
    assert report.body_ref is not None
    assert msgspec.json.decode(bench.shelf.kept[report.body_ref]) == {"a": "x" * LARGE}


async def test_a_large_request_is_fetched_before_it_is_made() -> None:
    bench = Bench()
    whole = Request(url=URL, body="{{a}}" + "x" * LARGE, has_body=True, headers={"X-B": "{{b}}"})
    bench.shelf.kept |= {"r": msgspec.json.encode(whole), "v": b'{"a":1,"b":2}'}
    made = (await bench.run(task(request_ref="r", values_ref="v"))).exchange
    assert made.status == 200
    assert bench.seen.body == b"1" + b"x" * LARGE
    assert bench.seen.headers["x-b"] == "2"


async def test_a_task_whose_request_is_gone_fails_and_says_so() -> None:
    made = (await Bench().run(task(request_ref="r"))).exchange
    assert (made.fault, made.error) == ("internal", "what the task refers to is gone")
    assert made.url == URL


async def test_a_large_answer_waits_until_it_can_be_stored() -> None:
    bench = Bench(Reply(200, {"a": "x" * LARGE}))
    bench.shelf.away = 3
    report = await bench.run(task())
    assert report.exchange.status == 200
    assert report.body_ref in bench.shelf.kept
    assert len(bench.world.calls) == 1


async def test_no_report_is_too_large_for_the_broker() -> None:
    headers = {f"x-{n}": "\xff" * 600 for n in range(100)}
    reply = Reply(200, "\x01" * 20_000, headers)
    request = body("\x01" * 200_000)
    url = "http://shop.test/" + "\x01" * 5_000
    report = await Bench(reply).run(task(url, request=request))
    assert len(msgspec.json.encode(report)) < 900_000


# What fails.


@pytest.mark.parametrize("kind", ["timeout", "connection", "refused", "too_large"])
async def test_a_fault_of_the_call_is_reported_as_what_it_was(kind: Any) -> None:
    bench = Bench()

    def gate(_: Call) -> HttpFault:
        return HttpFault(kind, "why")

    bench.world.gate = gate
    made = (await bench.run(task())).exchange
    assert (made.fault, made.error, made.status) == (kind, "why", None)
    assert made.url == URL


async def test_a_timeout_lasts_as_long_as_the_task_allows() -> None:
    made = await exchange(Reply(latency=100.0), timeout=2.0)
    assert (made.fault, made.latency) == ("timeout", 2.0)


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"A": "{{#a}}"}},
        body("{{"),
        body({"a": "{{/b}}"}),
        body({"a": ["{{#rows}}{{#rows}}{{#rows}}x{{/rows}}{{/rows}}{{/rows}}"]}),
    ],
)
async def test_a_template_that_cannot_be_rendered_is_a_fault(request_: dict[str, Any]) -> None:
    bench = Bench()
    report = await bench.run(task(request=request_, values={"rows": list(range(1000))}))
    assert report.exchange.fault == "template"
    assert bench.world.calls == []


async def test_what_nobody_foresaw_is_a_fault_and_its_text_is_not_told() -> None:
    class Broken:
        async def request(self, *_: object, **__: object) -> HttpAnswer:
            raise RuntimeError("secret inside")

        async def close(self) -> None: ...

    bench = Bench()
    bench.http = Broken()
    made = (await bench.run(task())).exchange
    assert made.fault == "internal"
    assert made.error == "the executor failed (RuntimeError)"
