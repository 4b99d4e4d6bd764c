"""`http/request`: the same call in the words of workflows with CEL."""

import pytest

from mainspring.domain.message import Json
from mainspring.testing.http import Reply
from mainspring.testing.plugin_calls import done, failure, kept
from mainspring.testing.plugins import TestContext

ID = "http/request"
URL = "https://api.test/things"


@pytest.mark.parametrize(
    ("given", "body", "kind"),
    [
        ({"body": "text"}, b'"text"', "application/json"),
        ({"body": {"a": 1}}, b'{"a":1}', "application/json"),
        ({"body": "a=1", "headers": {"Content-Type": "text/csv"}}, b"a=1", "text/csv"),
    ],
)
async def test_body_is_json_unless_the_step_names_a_type(
    context: TestContext, given: dict[str, Json], body: bytes, kind: str
) -> None:
    context.http.on("POST", URL, Reply(200, b"thanks"))
    output = await done(ID, context, url=URL, method="POST", timeout="5s", **given)
    sent = context.http.calls[0]
    assert (sent.body, sent.headers["content-type"]) == (body, kind)
    assert output == {"status": 200, "headers": {}, "body": "thanks", "json": None}


@pytest.mark.parametrize("status", [400, 404, 429, 503])
async def test_status_of_400_or_more_fails_with_the_answer_kept_and_may_be_tried_again(
    context: TestContext, status: int
) -> None:
    context.http.on("GET", URL, Reply(status, {"why": 1}))
    failed = await failure(ID, context, url=URL)
    assert not failed.final
    assert (kept(failed)["status"], kept(failed)["json"]) == (status, {"why": 1})
