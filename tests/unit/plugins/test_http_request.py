"""`http.request`: what goes out, what an answer means, redirects, pages."""

from base64 import b64encode

import pytest

from mainspring.domain.message import Json
from mainspring.ports import HttpFault
from mainspring.testing.http import Call, Reply
from mainspring.testing.plugin_calls import done, failure, kept, unfit
from mainspring.testing.plugins import TestContext

ID = "http.request"
URL = "https://api.test/things"


def heard(context: TestContext) -> Call:
    return context.http.calls[-1]


async def test_call_carries_the_key_and_the_trace_of_its_task(context: TestContext) -> None:
    context.http.on("GET", URL, Reply(200, {"ok": True}))
    output = await done(ID, context, url=URL)
    assert output["body"] == {"ok": True}
    assert heard(context).headers == {
        "idempotency-key": context.idempotency_key,
        "traceparent": context.traceparent,
    }


async def test_own_header_goes_before_the_default_one(context: TestContext) -> None:
    context.http.on("GET", URL, Reply())
    await done(ID, context, url=URL, headers={"Idempotency-Key": "mine", "X-Count": 3})
    assert heard(context).headers["idempotency-key"] == "mine"
    assert heard(context).headers["x-count"] == "3"


async def test_query_is_added_to_that_of_the_url(context: TestContext) -> None:
    context.http.on("GET", f"{URL}*", Reply())
    query: Json = {"tag": ["a b", "c"], "on": True, "none": None}
    output = await done(ID, context, url=f"{URL}?x=1", query=query)
    assert output["url"] == f"{URL}?x=1&tag=a+b&tag=c&on=true"


@pytest.mark.parametrize(
    ("given", "body", "kind"),
    [
        ({"body": "plain"}, b"plain", "text/plain; charset=utf-8"),
        ({"body": [1]}, b"[1]", "application/json"),
        ({"json": "a text"}, b'"a text"', "application/json"),
        (
            {"form": {"a": "1 2", "b": [3, 4]}},
            b"a=1+2&b=3&b=4",
            "application/x-www-form-urlencoded",
        ),
    ],
)
async def test_body_is_sent_with_the_type_that_fits(
    context: TestContext, given: dict[str, Json], body: bytes, kind: str
) -> None:
    context.http.on("POST", URL, Reply(204))
    output = await done(ID, context, url=URL, method="POST", **given)
    assert (heard(context).body, heard(context).headers["content-type"]) == (body, kind)
    assert (output["status_code"], output["body"]) == (204, None)


async def test_files_are_sent_as_parts_whose_names_stay_inside_their_quotes(
    context: TestContext,
) -> None:
    context.http.on("POST", URL, Reply())
    file = {
        "name": 'a"\r\nX: y',
        "filename": "f.bin",
        "content": b64encode(b"\0\1").decode(),
        "contentType": "image/png",
    }
    await done(ID, context, url=URL, method="POST", form={"note": "hi"}, files=[file])
    body = heard(context).body or b""
    assert b'name="note"\r\n\r\nhi\r\n' in body
    assert b'name="a%22%0D%0AX: y"; filename="f.bin"\r\nContent-Type: image/png\r\n\r\n\0\1' in body
    boundary = heard(context).headers["content-type"].partition("boundary=")[2]
    assert body.endswith(f"--{boundary}--\r\n".encode())


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (
            {"type": "basic", "username": "ann", "password": "x"},
            ("authorization", "Basic YW5uOng="),
        ),
        ({"type": "bearer", "token": "t"}, ("authorization", "Bearer t")),
        ({"type": "header", "name": "X-Key", "value": "k"}, ("x-key", "k")),
    ],
)
async def test_proof_is_a_header_and_stays_with_its_host(
    context: TestContext, auth: Json, header: tuple[str, str]
) -> None:
    name, value = header
    context.http.on("GET", URL, Reply(302, headers={"Location": "https://other.test/x"}))
    context.http.on("GET", "https://other.test/x", Reply())
    await done(ID, context, url=URL, auth=auth, headers={"Cookie": "c=1"})
    first, second = context.http.calls
    assert (first.headers[name], first.headers["cookie"]) == (value, "c=1")
    assert name not in second.headers
    assert "cookie" not in second.headers
    assert "traceparent" in second.headers


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("https://api.test/a", "http://api.test/b"),
        ("https://api.test/a", "https://api.test:8443/b"),
        ("https://api.test/a", "//evil.test/b"),
        ("https://api.test/a", "https://api.test@evil.test/b"),
    ],
)
async def test_another_origin_of_any_kind_gets_no_credentials(
    context: TestContext, here: str, there: str
) -> None:
    context.http.on("GET", here, Reply(301, headers={"Location": there}))
    context.http.on("GET", "https://*", Reply())
    context.http.on("GET", "http://*", Reply())
    await done(ID, context, url=here, auth={"type": "bearer", "token": "t"})
    assert "authorization" not in heard(context).headers


async def test_same_origin_keeps_credentials_and_a_307_the_body(context: TestContext) -> None:
    context.http.on("POST", URL, Reply(307, headers={"Location": "/moved"}))
    context.http.on("POST", "https://api.test/moved", Reply(200))
    auth = {"type": "bearer", "token": "t"}
    output = await done(ID, context, url=URL, method="POST", json={"a": 1}, auth=auth)
    assert output["url"] == "https://api.test/moved"
    assert heard(context).body == b'{"a":1}'
    assert heard(context).headers["authorization"] == "Bearer t"


async def test_303_after_a_post_is_read_without_its_body(context: TestContext) -> None:
    context.http.on("POST", URL, Reply(303, headers={"Location": "/done"}))
    context.http.on("GET", "https://api.test/done", Reply(200, "yes"))
    output = await done(ID, context, url=URL, method="POST", json={"a": 1})
    assert output["body"] == "yes"
    assert heard(context).body is None
    assert "content-type" not in heard(context).headers


async def test_redirects_that_do_not_end_are_given_up(context: TestContext) -> None:
    context.http.on("GET", URL, Reply(302, headers={"Location": URL}))
    failed = await failure(ID, context, url=URL)
    assert (str(failed), failed.final) == ("there are more than 5 redirects", True)
    assert len(context.http.calls) == 6


async def test_redirect_is_an_answer_when_it_is_not_to_be_followed(context: TestContext) -> None:
    context.http.on("GET", URL, Reply(302, headers={"Location": "/x"}))
    output = await done(ID, context, url=URL, followRedirects=False)
    assert (output["status_code"], output["headers"]["location"]) == (302, "/x")


@pytest.mark.parametrize(
    ("status", "final"),
    [(400, True), (404, True), (408, False), (425, False), (429, False), (500, False)],
)
async def test_failing_status_fails_with_the_answer_kept(
    context: TestContext, status: int, final: bool
) -> None:
    context.http.on("GET", URL, Reply(status, {"why": "so"}))
    failed = await failure(ID, context, url=URL)
    assert (str(failed), failed.final) == (f"GET was answered with {status}", final)
    assert (kept(failed)["status_code"], kept(failed)["body"]) == (status, {"why": "so"})


async def test_task_says_what_fails_and_what_is_tried_again(context: TestContext) -> None:
    context.http.on("GET", URL, Reply(404))
    assert (await done(ID, context, url=URL, failOn="5xx"))["status_code"] == 404
    assert (await done(ID, context, url=URL, failOn="none"))["status_code"] == 404
    failed = await failure(ID, context, url=URL, failOn=[404, "500-504"], retryOn=["404"])
    assert not failed.final
    failed = await failure(ID, context, url=URL, failOn="sometimes")
    assert str(failed).startswith('failOn: "sometimes" is no status')


@pytest.mark.parametrize(
    ("kind", "final"),
    [("timeout", False), ("connection", False), ("refused", True), ("too_large", True)],
)
async def test_call_without_an_answer_tells_its_kind(
    context: TestContext, kind: Json, final: bool
) -> None:
    def gate(_: Call) -> HttpFault:
        return HttpFault(kind, "it did not go")

    context.http.gate = gate
    failed = await failure(ID, context, url=URL)
    assert (failed.fault, failed.final, str(failed)) == (kind, final, "it did not go")


async def test_slow_redirects_share_one_time(context: TestContext) -> None:
    context.http.on("GET", URL, Reply(302, headers={"Location": "/b"}, latency=6))
    context.http.on("GET", "https://api.test/b", Reply(latency=6))
    assert (await failure(ID, context, url=URL, timeout="10s")).fault == "timeout"
    assert (await done(ID, context, url=URL, timeout=13))["duration_ms"] == 12000


@pytest.mark.parametrize(
    ("kind", "body", "wanted", "value"),
    [
        ("application/problem+json", b'{"a":1}', "auto", {"a": 1}),
        ("application/json", b"no json", "auto", "no json"),
        ("", b'{"a":1}', "auto", '{"a":1}'),
        ("", b'{"a":1}', "json", {"a": 1}),
        ("text/plain; charset=latin-1", b"\xe9", "auto", "é"),
        ("text/plain; charset=nonsense", b"\xe9", "text", "�"),
        ("image/png", b"\xff\x00", "auto", "/wA="),
        ("application/json", b"{}", "base64", "e30="),
        ("application/json", b"{}", "text", "{}"),
    ],
)
async def test_body_is_given_as_asked(
    context: TestContext, kind: str, body: bytes, wanted: str, value: Json
) -> None:
    context.http.on("GET", URL, Reply(200, body, headers={"Content-Type": kind}))
    assert (await done(ID, context, url=URL, responseType=wanted))["body"] == value


async def test_answer_that_should_be_json_and_is_not_fails_with_its_text_kept(
    context: TestContext,
) -> None:
    context.http.on("GET", URL, Reply(200, b"<html>"))
    failed = await failure(ID, context, url=URL, responseType="json")
    assert (str(failed), failed.final) == ("the answer is no JSON", True)
    assert kept(failed)["body"] == "<html>"


async def test_pages_by_link_become_one_list(context: TestContext) -> None:
    link = '<https://api.test/last>; rel="last", </things?page=2>; rel="next"'
    context.http.on("GET", URL, Reply(200, [1, 2], headers={"Link": link}))
    context.http.on("GET", f"{URL}?page=2", Reply(200, [3]))
    output = await done(ID, context, url=URL, pagination={"type": "link"})
    assert (output["body"], output["pages"]) == ([1, 2, 3], 2)


async def test_pages_by_cursor_keep_the_rest_of_the_query(context: TestContext) -> None:
    first: Json = {"items": [1], "meta": {"next": "c 2"}}
    context.http.on("GET", f"{URL}?q=a", Reply(200, first))
    context.http.on("GET", f"{URL}?q=a&after=c+2", Reply(200, {"items": [2], "meta": {}}))
    how = {
        "type": "cursor",
        "cursorPath": "meta.next",
        "cursorParam": "after",
        "itemsPath": "items",
    }
    output = await done(ID, context, url=f"{URL}?q=a", pagination=how)
    assert output["body"] == [1, 2]


async def test_pages_end_at_their_bound_and_at_a_page_that_comes_again(
    context: TestContext,
) -> None:
    context.http.on("GET", f"{URL}*", lambda call: Reply(200, [call.url], {"Link": _next(call)}))
    bounded = {"type": "link", "maxPages": 3}
    assert (await done(ID, context, url=URL, pagination=bounded))["pages"] == 3
    context.http.on("GET", URL, Reply(200, [], headers={"Link": f"<{URL}>; rel=next"}))
    failed = await failure(ID, context, url=URL, pagination={"type": "link"})
    assert str(failed) == "pagination: the peer names a page again that it has given"


def _next(call: Call) -> str:
    return f"<{call.url}{'&' if '?' in call.url else '?'}p>; rel=next"


async def test_pages_together_are_bounded(context: TestContext) -> None:
    context.max_output = 1000
    context.http.on("GET", f"{URL}*", lambda call: Reply(200, ["x" * 400], {"Link": _next(call)}))
    failed = await failure(ID, context, url=URL, pagination={"type": "link"})
    assert (failed.fault, failed.final) == ("too_large", True)


async def test_next_page_on_another_host_gets_no_credentials(context: TestContext) -> None:
    link = "<https://other.test/2>; rel=next"
    context.http.on("GET", URL, Reply(200, [], headers={"Link": link}))
    context.http.on("GET", "https://other.test/2", Reply(200, []))
    auth = {"type": "bearer", "token": "t"}
    await done(ID, context, url=URL, auth=auth, pagination={"type": "link"})
    assert "authorization" not in heard(context).headers


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"body": "a", "json": 1}, "json: cannot be sent together with body"),
        ({"files": [{"name": "f", "content": "%%"}]}, "files.0.content: is no base64"),
        ({"auth": {"type": "bearer"}}, "auth: bearer needs token"),
        ({"timeout": "soon"}, "timeout: is no span of time"),
        (
            {"files": [{"name": "f", "content": "", "contentType": "a\r\nb"}]},
            "files.0.contentType: is no media type",
        ),
        ({"pagination": {"type": "cursor"}}, "pagination.cursorPath: is needed"),
    ],
)
async def test_bad_input_is_told_with_its_place(
    context: TestContext, given: dict[str, Json], told: str
) -> None:
    context.http.on("GET", URL, Reply())
    failed = await failure(ID, context, url=URL, **given)
    assert failed.final
    assert str(failed).startswith(told)


def test_schema_tells_what_it_does_not_take() -> None:
    assert unfit(ID, {"url": URL, "verifyTls": False})[0].startswith("verifyTls")
    assert unfit(ID, {"url": URL, "method": "TRACE"})[0].startswith("method")
    assert unfit(ID, {}) == ['"url" is a required property']
