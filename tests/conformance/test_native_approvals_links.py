"""Links to approvals: what they show, that looking decides nothing, and when they are over."""

from typing import Any

import httpx
import pytest
from tests.conformance.native import Json, Native, step

from mainspring.runtime.config import CallbackKey
from mainspring.runtime.tokens import Claim, LinkClaim, sign, sign_link

KEY = CallbackKey("test", b"\x5a" * 32)
NOBODY = "01920000-0000-7000-8000-000000000000"


@pytest.fixture
def native(http: httpx.AsyncClient) -> Native:
    return Native(http)


@pytest.fixture
async def browser():
    """Somebody who has nothing but a link."""
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


async def approvals(native: Native, run: str) -> list[Json]:
    answer = await native.http.get("/v1/approvals", params={"workflow_run_id": run})
    return answer.json()


async def asking(native: Native, *approvers: str, **more: Any) -> tuple[str, Json]:
    """Begin a run that asks for an approval; return the run's id and the approval."""
    asks = step("ok", "approval", approval_approvers=list(approvers), **more)
    id = await native.begin(asks, payload={"amount": 12})
    await native.until_step(id, "ok", "waiting")
    return id, (await approvals(native, id))[0]


async def link(native: Native, approval: Json, body: Any = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/v1/approvals/{approval['id']}/link"
    return await native.http.post(path, json=body, headers=named)


async def linked(native: Native, approval: Json, **body: Any) -> str:
    answer = await link(native, approval, body)
    assert answer.status_code == 201, answer.text
    return answer.json()["url"]


async def press(
    browser: httpx.AsyncClient, url: str, decision: str, comment: str = ""
) -> httpx.Response:
    return await browser.post(url, data={"decision": decision, "comment": comment})


def signed(native: Native, approval: Json, approver: str, expires_at: float) -> str:
    claim = LinkClaim(approval["id"], approver, expires_at)
    return f"{native.http.base_url}/v1/approvals/link/{sign_link([KEY], claim)}"


async def test_a_link_shows_what_is_asked_and_approves_in_the_approvers_name(
    native: Native, browser: httpx.AsyncClient
) -> None:
    id, approval = await asking(native, "ann", payload={"pay": "{{payload.amount}}"})
    url = await linked(native, approval, approver="ann")
    page = await browser.get(url)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for shown in (">w<", ">ok<", ">ann<", id, "&quot;pay&quot;", 'value="approve"'):
        assert shown in page.text, shown
    done = await press(browser, url, "approve", "fine")
    assert (done.status_code, "approved" in done.text) == (200, True)
    await native.until(id, "completed")
    (after,) = await approvals(native, id)
    assert (after["status"], after["decided_by"], after["reason"]) == ("approved", "ann", "fine")


async def test_a_pending_approval_says_where_links_are_made_and_a_decided_one_does_not(
    native: Native, browser: httpx.AsyncClient
) -> None:
    id, approval = await asking(native)
    made = await native.http.post(approval["link"])
    assert (made.status_code, made.json().keys()) == (201, {"url", "expires_at"})
    assert made.json()["url"] not in str(await approvals(native, id))
    await press(browser, made.json()["url"], "approve")
    (after,) = await approvals(native, id)
    assert after["link"] is None


async def test_a_link_rejects_in_nobodys_name_where_there_are_no_approvers(
    native: Native, browser: httpx.AsyncClient
) -> None:
    id, approval = await asking(native)
    url = await linked(native, approval)
    assert (await press(browser, url, "reject", "no\r\nmoney")).status_code == 200
    ended = await native.until(id, "failed")
    assert "rejected by link: no\nmoney" in ended["error"]


async def test_looking_at_a_link_decides_nothing_however_often(
    native: Native, browser: httpx.AsyncClient
) -> None:
    id, approval = await asking(native, "ann")
    url = await linked(native, approval, approver="ann")
    for query in ("", "?decision=approve", "?decision=reject&comment=x"):
        assert (await browser.get(url + query)).status_code == 200
        assert (await browser.head(url + query)).status_code == 200
    for verb in ("PUT", "PATCH", "DELETE"):
        assert (await browser.request(verb, url)).status_code == 405
    assert await approvals(native, id) == [approval]


async def test_a_page_runs_nothing_and_shows_all_as_text(
    native: Native, browser: httpx.AsyncClient
) -> None:
    bad = "<script>alert(1)</script>\"'& \u202eevil"
    _, approval = await asking(native, payload={"note": bad})
    page = await browser.get(await linked(native, approval))
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "\u202e" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "src=" not in page.text
    assert "href=" not in page.text


async def test_a_used_link_says_what_became_of_it_and_the_same_button_again_is_one_press(
    native: Native, browser: httpx.AsyncClient
) -> None:
    id, approval = await asking(native, "ann")
    url = await linked(native, approval, approver="ann")
    other = await linked(native, approval, approver="ann", expires_in_secs=60)
    assert (await press(browser, url, "approve")).status_code == 200
    assert (await press(browser, url, "approve")).status_code == 200
    (after,) = await approvals(native, id)
    for used in (url, other):
        page = await browser.get(used)
        assert (page.status_code, "approved" in page.text) == (409, True)
        assert (await press(browser, used, "reject")).status_code == 409
    assert await approvals(native, id) == [after]


async def test_links_of_several_approvers_are_decided_by_the_first(
    native: Native, browser: httpx.AsyncClient
) -> None:
    id, approval = await asking(native, "ann", "bob")
    anns, bobs = [await linked(native, approval, approver=name) for name in ("ann", "bob")]
    assert (await press(browser, bobs, "approve")).status_code == 200
    assert (await press(browser, anns, "approve")).status_code == 409
    (after,) = await approvals(native, id)
    assert after["decided_by"] == "bob"


async def test_a_link_works_until_it_expires(native: Native, browser: httpx.AsyncClient) -> None:
    id, approval = await asking(native, "ann")
    url = signed(native, approval, "ann", 1000.0)
    for answer in (await browser.get(url), await press(browser, url, "approve")):
        assert (answer.status_code, "expired" in answer.text) == (410, True)
    assert await approvals(native, id) == [approval]


async def test_a_link_that_nobody_signed_leads_to_nothing(
    native: Native, browser: httpx.AsyncClient
) -> None:
    id, approval = await asking(native, "ann")
    url = await linked(native, approval, approver="ann")
    base, _, token = url.rpartition("/")
    kid, claim, signature = token.split(".")
    callback = sign([KEY], Claim(id, "ok", 1, 1, "", 1e12))
    forged = LinkClaim(approval["id"], "ann", 1e12)
    tokens = [
        f"{kid}.{claim}.{signature[:-1]}",
        f"{kid}.{claim}x.{signature}",
        f"other.{claim}.{signature}",
        sign_link([CallbackKey("test", bytes(32))], forged),
        callback,
        "nonsense",
        "%00",
        "x" * 5000,
    ]
    for wrong in tokens:
        answers = [await browser.get(f"{base}/{wrong}")]
        answers.append(await press(browser, f"{base}/{wrong}", "approve"))
        assert {answer.status_code for answer in answers} == {404}, wrong
    unknown = signed(native, {"id": NOBODY}, "ann", 1e10)
    assert (await browser.get(unknown)).status_code == 404
    odd = signed(native, {"id": "no id"}, "ann", 1e10)
    assert (await browser.get(odd)).status_code == 404
    assert await approvals(native, id) == [approval]


async def test_a_link_to_an_earlier_approval_does_not_decide_the_present_one(
    native: Native, browser: httpx.AsyncClient
) -> None:
    id, approval = await asking(native)
    url = await linked(native, approval)
    path = f"/v1/workflow-runs/{id}/steps/ok"
    await native.http.post(f"{path}/reject")
    await native.until(id, "failed")
    await native.http.post(f"{path}/retry")
    await native.until_step(id, "ok", "waiting")
    assert (await browser.get(url)).status_code == 409
    refused = await press(browser, url, "approve")
    assert (refused.status_code, "asks anew" in refused.text) == (409, True)
    assert [each["status"] for each in await approvals(native, id)] == ["pending", "rejected"]


async def test_links_are_made_for_approvers_of_pending_approvals_alone(native: Native) -> None:
    id, approval = await asking(native, "ann", approval_timeout_secs=3600)
    assert (await link(native, approval)).status_code == 400
    assert (await link(native, approval, {"approver": "eve"})).status_code == 403
    body = {"approver": "\n", "expires_in_secs": 0, "who": 1}
    faults = (await link(native, approval, body)).json()["error"]["details"]
    places = sorted(fault.partition(":")[0] for fault in faults)
    assert places == ["approver", "expires_in_secs", "who"]
    assert (await link(native, {"id": NOBODY}, {"approver": "ann"})).status_code == 404
    assert (await link(native, {"id": "nonsense"}, {"approver": "ann"})).status_code == 404
    assert (await link(native, approval, {}, x_project_id="another")).status_code == 404
    long = await link(native, approval, {"approver": "ann", "expires_in_secs": 2_592_000})
    assert long.json()["expires_at"] == approval["expires_at"]
    await native.http.post(
        f"/v1/workflow-runs/{id}/steps/ok/approve", headers={"x-actor-id": "ann"}
    )
    refused = await link(native, approval, {"approver": "ann"})
    assert (refused.status_code, "approved" in refused.text) == (409, True)


async def test_a_link_is_made_once_for_a_key(native: Native) -> None:
    _, approval = await asking(native, "ann")
    body = {"approver": "ann"}
    first = await link(native, approval, body, idempotency_key="k")
    again = await link(native, approval, body, idempotency_key="k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await link(native, approval, body | {"expires_in_secs": 5}, idempotency_key="k")
    assert other.status_code == 422


@pytest.mark.parametrize("decision", ["", "maybe"])
async def test_a_form_that_cannot_be_read_decides_nothing(
    native: Native, browser: httpx.AsyncClient, decision: str
) -> None:
    id, approval = await asking(native)
    url = await linked(native, approval)
    form = {"content-type": "application/x-www-form-urlencoded"}
    answers = [
        await press(browser, url, decision),
        await press(browser, url, "approve", "x" * 5000),
        await press(browser, url, "approve", "a\x00b"),
        await browser.post(url, json={"decision": "approve"}),
        await browser.post(url, content=b"decision=approve&comment=%ff\xff", headers=form),
        await browser.post(url, content=b"a=1&" * 50 + b"decision=approve", headers=form),
        await browser.post(url),
    ]
    assert {answer.status_code for answer in answers} == {400}
    assert await approvals(native, id) == [approval]
