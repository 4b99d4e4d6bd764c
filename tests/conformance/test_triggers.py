"""Triggers through the front door: schedules that fire, webhooks that are called, ends followed."""

import asyncio
import hmac
from base64 import b64encode
from typing import Any

import httpx
import pytest

from mainspring.runtime.clock import SystemClock
from mainspring.testing.peer import Reply

HOOKED = {"verb": "POST", "body": {"said": "{{payload.trigger.body}}"}}


class Client:
    """A client with a workflow of one step, which calls the test's corner of the peer."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self.http = http
        self.url = url

    async def workflow(self, slug: str, **fields: Any) -> Any:
        step = {"step_ref": "a", "step_type": "http", "request": {"url": self.url, **HOOKED}}
        form = {"name": slug, "slug": slug, "steps": [step], **fields}
        answer = await self.http.post("/v1/workflows", json=form)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def trigger(self, flow: str, type: str, config: Any, **fields: Any) -> Any:
        body = {"flowId": flow, "type": type, "config": config, **fields}
        answer = await self.http.post("/api/v1/triggers", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"].endswith(answer.json()["id"])
        return answer.json()

    async def runs(self, least: int = 0) -> list[Any]:
        """Return the runs of the project, when there are enough of them."""
        if least:
            await self._begun(least)
        return (await self.http.get("/v1/workflow-runs")).json()

    async def _begun(self, least: int) -> None:
        """Follow the project's log from its beginning until so many runs have been begun."""
        path, begun = "/v1/log/stream?types=ExecutionRequested", 0
        async with asyncio.timeout(20), self.http.stream("GET", path) as stream:
            async for line in stream.aiter_lines():
                begun += line.startswith("data:")
                if begun >= least:
                    return

    async def get(self, id: str) -> Any:
        return (await self.http.get(f"/api/v1/triggers/{id}")).json()


@pytest.fixture
def client(http: httpx.AsyncClient, service: Any) -> Client:
    return Client(http, service.on("/a", Reply(200)))


def signed(secret: str, text: bytes) -> str:
    return "sha256=" + hmac.digest(secret.encode(), text, "sha256").hex()


async def test_a_schedule_starts_runs_by_itself_and_shows_when(client: Client) -> None:
    flow = await client.workflow("order")
    made = await client.trigger("order", "schedule", {"interval": 1}, inputs={"n": 7})
    assert made["flowId"] == flow["id"]
    assert made["nextAt"] is not None
    runs = await client.runs(2)
    assert {run["triggered_by"] for run in runs} == {"schedule"}
    assert all(run["payload"]["n"] == 7 for run in runs)
    at = {run["payload"]["trigger"]["scheduled_at"] for run in runs}
    assert len(at) == len(runs)
    shown = await client.get(made["id"])
    assert shown["lastAt"] in at or shown["lastAt"] > max(at)
    assert shown["lastError"] is None
    assert (shown["nextRun"], shown["lastRun"]) == (shown["nextAt"], shown["lastAt"])

    answer = await client.http.post(f"/api/v1/triggers/{made['id']}/pause")
    assert (answer.status_code, answer.json()["enabled"]) == (200, False)
    assert answer.json()["nextAt"] is None
    gone = await client.http.delete(f"/api/v1/triggers/{made['id']}")
    assert gone.status_code == 204
    assert (await client.http.get(f"/api/v1/triggers/{made['id']}")).status_code == 404


async def test_a_workflows_own_cron_is_a_schedule_that_changes_and_goes_with_it(
    client: Client,
) -> None:
    flow = await client.workflow("order", cron="0 5 1 1 *", cron_timezone="Europe/Berlin")
    (found,) = (await client.http.get("/api/v1/triggers", params={"flowId": "order"})).json()
    assert (found["origin"], found["type"]) == ("definition", "schedule")
    assert found["config"]["cron"] == "0 5 1 1 *"
    assert found["nextAt"].endswith("-01-01T04:00:00.000Z")
    for answer in (
        await client.http.put(f"/api/v1/triggers/{found['id']}", json={"enabled": False}),
        await client.http.delete(f"/api/v1/triggers/{found['id']}"),
    ):
        assert answer.status_code == 409
        assert "YAML" in answer.json()["error"]

    changed = {"cron": "* * * * *"}
    answer = await client.http.patch(f"/v1/workflows/{flow['id']}", json=changed)
    assert answer.status_code == 200, answer.text
    (again,) = (await client.http.get("/api/v1/triggers")).json()
    assert again["id"] == found["id"]
    assert again["config"]["cron"] == "* * * * *"
    await client.http.patch(
        f"/v1/workflows/{flow['id']}", json={"cron": None, "cron_timezone": None}
    )
    assert (await client.http.get("/api/v1/triggers")).json() == []
    await client.http.patch(f"/v1/workflows/{flow['id']}", json=changed)
    assert len((await client.http.get("/api/v1/triggers")).json()) == 1
    await client.http.delete(f"/v1/workflows/{flow['id']}")
    assert (await client.http.get("/api/v1/triggers")).json() == []


async def test_a_backfill_starts_each_instant_once(client: Client) -> None:
    await client.workflow("order")
    config = {"cron": "0 * * * *", "timezone": "UTC"}
    made = await client.trigger("order", "schedule", config)
    span = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T04:00:00Z"}
    url = f"/api/v1/triggers/{made['id']}/backfill"
    keyed = {"Idempotency-Key": "b1"}
    first = await client.http.post(url, json=span, headers=keyed)
    assert first.status_code == 202, first.text
    assert first.json()["started"] == 5
    assert [each["scheduledAt"][11:16] for each in first.json()["executions"]] == [
        f"0{hour}:00" for hour in range(5)
    ]
    replayed = await client.http.post(url, json=span, headers=keyed)
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert replayed.json() == first.json()
    again = await client.http.post(url, json=span)
    assert again.json()["started"] == 0
    assert {each["status"] for each in again.json()["executions"]} == {"EXISTS"}
    assert len(await client.runs(5)) == 5
    wrong = {"from": "yesterday", "to": "2099-03-01T04:00:00Z"}
    answer = await client.http.post(url, json=wrong)
    assert answer.status_code == 400
    assert [each.split(":")[0] for each in answer.json()["details"]] == ["from", "to"]
    many = {"from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert (await client.http.post(url, json=many)).status_code == 400


async def test_a_webhook_starts_a_run_with_what_was_posted(client: Client) -> None:
    await client.workflow("order")
    key = f"my-webhook-key-{client.http.headers['X-Project-Id']}"
    made = await client.trigger("order", "webhook", {"key": key})
    assert made["url"] == f"/api/v1/webhook/{key}"
    bare = httpx.AsyncClient(base_url=client.http.base_url)
    async with bare:
        headers = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Kind": "new"}
        answer = await bare.post(
            f"/api/v1/webhook/{key}?a=1", json={"customerId": 42}, headers=headers
        )
        assert answer.status_code == 202, answer.text
        assert answer.json() == {
            "executionId": answer.json()["executionId"],
            "status": "QUEUED",
            "tasksTotal": 1,
        }
        text = await bare.post(f"/api/v1/webhook/{key}", content=b"{not json")
        assert text.status_code == 202
        assert (await bare.get(f"/api/v1/webhook/{key}")).status_code == 405
        assert (await bare.head(f"/api/v1/webhook/{key}")).status_code == 405
        assert (await bare.post("/api/v1/webhook/nobody-knows")).status_code == 404
    runs = await client.runs(2)
    by_id = {run["id"]: run for run in runs}
    trigger = by_id[answer.json()["executionId"]]["payload"]["trigger"]
    assert trigger["body"] == {"customerId": 42} == trigger["payload"]
    assert (trigger["type"], trigger["method"], trigger["key"]) == ("webhook", "POST", key)
    assert trigger["query"] == {"a": "1"}
    assert trigger["headers"]["x-kind"] == "new"
    assert not {"authorization", "cookie"} & set(trigger["headers"])
    assert by_id[text.json()["executionId"]]["payload"]["trigger"]["body"] == "{not json"
    off = {"enabled": False}
    await client.http.put(f"/api/v1/triggers/{made['id']}", json=off)
    assert (await client.http.post(f"/api/v1/webhook/{key}", json=1)).status_code == 404


async def test_a_secret_is_asked_for_and_never_shown(client: Client) -> None:
    await client.workflow("order")
    made = await client.trigger("order", "webhook", {"secret": "s3cret", "maxBytes": 100})
    assert made["config"]["secret"] == "*" * 8
    assert len(made["config"]["key"]) >= 32
    assert "s3cret" not in (await client.http.get("/api/v1/triggers")).text
    url, body = made["url"], b'{"a":1}'

    async def post(text: bytes = body, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.http.post(url, content=text, headers=named)

    assert (await post()).status_code == 401
    assert (await post(X_Signature_256=signed("other", body))).status_code == 401
    assert (await post(b"x" * 101, X_Signature_256=signed("s3cret", b"x" * 101))).status_code == 413
    first = await post(X_Signature_256=signed("s3cret", body))
    assert first.status_code == 202, first.text
    again = await post(X_Hub_Signature_256=signed("s3cret", body))
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    # An id that is not signed lets nobody use a signature twice.
    other = await post(X_Signature_256=signed("s3cret", b"[]"), X_Delivery_Id="1", text=b"[]")
    twice = await post(X_Signature_256=signed("s3cret", b"[]"), X_Delivery_Id="2", text=b"[]")
    assert twice.json() == other.json()

    now = int(SystemClock().now())
    for stamp, status in ((now, 202), (now - 290, 202), (now - 400, 401), (now + 400, 401)):
        text = f"{stamp}.".encode() + body
        answer = await post(X_Signature_256=signed("s3cret", text), X_Timestamp=str(stamp))
        assert answer.status_code == status, stamp
    stale = await post(X_Signature_256=signed("s3cret", body), X_Timestamp=str(now))
    assert stale.status_code == 401
    retried = [
        await post(
            X_Signature_256=signed("s3cret", f"{now - n}.".encode() + body),
            X_Timestamp=str(now - n),
            X_Delivery_Id="d9",
        )
        for n in (1, 2)
    ]
    assert retried[0].json() == retried[1].json()
    kept = {"config": {"secret": "*" * 8, "methods": ["PUT"]}}
    changed = await client.http.put(f"/api/v1/triggers/{made['id']}", json=kept)
    assert changed.json()["config"]["key"] == made["config"]["key"]
    assert (await client.http.put(url, content=body)).status_code == 401


async def test_a_call_under_a_key_has_one_effect_and_the_key_is_no_other_bodys(
    client: Client,
) -> None:
    await client.workflow("order")
    made = await client.trigger("order", "webhook", {"path": "once", "methods": ["POST"]})
    keyed = {"Idempotency-Key": "k"}
    first = await client.http.post(made["url"], content=b'{"a": 1}', headers=keyed)
    assert first.status_code == 202, first.text
    again = await client.http.post(made["url"], content=b'{"a":1}', headers=keyed)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await client.http.post(made["url"], content=b'{"a":2}', headers=keyed)
    assert other.status_code == 422
    assert other.json()["code"] == "key_reused"
    assert len(await client.runs(1)) == 1


async def test_a_call_that_does_not_meet_the_conditions_makes_nothing(client: Client) -> None:
    await client.workflow("order")
    conditions = [
        'body.action == "opened"',
        '{{ headers["x-event"] in ["issue", "push"] }}',
        'query.team == "a" and method == "PUT"',
    ]
    config = {"conditions": conditions, "methods": ["POST", "PUT"]}
    made = await client.trigger("order", "webhook", config)
    assert made["config"]["conditions"] == conditions
    url, event = made["url"] + "?team=a", {"X-Event": "issue"}

    async def call(method: str = "PUT", action: str = "opened", **named: str) -> httpx.Response:
        headers = {**event, **{name.replace("_", "-"): text for name, text in named.items()}}
        return await client.http.request(method, url, json={"action": action}, headers=headers)

    for answer in (
        await call(action="closed"),
        await call("POST"),
        await call(X_Event="star"),
    ):
        assert (answer.status_code, answer.content) == (204, b"")
    assert await client.runs() == []
    taken = await call(X_Delivery_Id="d")
    assert taken.status_code == 202, taken.text
    # A delivery that was taken is answered as before, whatever the conditions say now.
    changed = {"config": {"conditions": ["false"], "methods": ["PUT"]}}
    await client.http.put(f"/api/v1/triggers/{made['id']}", json=changed)
    again = await call(X_Delivery_Id="d")
    assert again.json() == taken.json()
    assert (await call()).status_code == 204
    assert len(await client.runs(1)) == 1


async def test_a_condition_without_an_answer_is_told_to_the_caller_and_makes_nothing(
    client: Client,
) -> None:
    await client.workflow("order")
    config = {"conditions": ["body.action.kind == 1"]}
    made = await client.trigger("order", "webhook", config)
    odd: list[Any] = [{"action": {}}, [], None, "x" * 10_000]
    for body in odd:
        answer = await client.http.post(made["url"], json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["details"][0].startswith("conditions[0]: ")
    text = await client.http.post(made["url"], content=b"{broken")
    assert text.status_code == 400
    assert "broken" not in text.text
    assert await client.runs() == []
    body = {"flowId": "order", "type": "webhook", "config": {"conditions": ["bdy.a", "a b", ""]}}
    wrong = await client.http.post("/api/v1/triggers", json=body)
    assert wrong.status_code == 400
    places = [each.split(": ")[0] for each in wrong.json()["details"]]
    assert places == [f"config.conditions[{index}]" for index in range(3)]


async def test_a_sender_signs_in_its_own_form_and_its_secret_is_nowhere_shown(
    client: Client,
) -> None:
    await client.workflow("order")
    form = {"secret": "s3cret-of-shop", "header": "X-Shop", "encoding": "base64", "prefix": ""}
    made = await client.trigger("order", "webhook", {"hmac": form | {"algorithm": "sha512"}})
    shown = form | {"algorithm": "sha512", "secret": "*" * 8}
    assert made["config"]["hmac"] == shown
    body = b'{"a":1}'
    digest = b64encode(hmac.digest(b"s3cret-of-shop", body, "sha512")).decode()
    answer = await client.http.post(made["url"], content=body, headers={"X-Shop": digest})
    assert answer.status_code == 202, answer.text
    again = await client.http.post(made["url"], content=body, headers={"X-Shop": digest})
    assert again.headers["Idempotency-Replayed"] == "true"
    usual = {"X-Signature-256": signed("s3cret-of-shop", body)}
    assert (await client.http.post(made["url"], content=body, headers=usual)).status_code == 401
    (run,) = await client.runs(1)
    assert "x-shop" not in run["payload"]["trigger"]["headers"]
    kept = {"config": {"hmac": {"secret": "*" * 8, "header": "X-Other"}}}
    changed = await client.http.put(f"/api/v1/triggers/{made['id']}", json=kept)
    assert changed.json()["config"]["hmac"]["prefix"] == "sha256="
    other = {"X-Other": signed("s3cret-of-shop", b"[]")}
    answer = await client.http.post(made["url"], content=b"[]", headers=other)
    assert answer.status_code == 202, answer.text
    for config in ({"hmac": {"secret": "*" * 8}}, {"secret": "*" * 8}):
        closed = await client.trigger("order", "webhook", config)
        answer = await client.http.post(closed["url"], content=body, headers=usual)
        assert answer.status_code == 401
        assert "still to be set" in answer.json()["error"]
    log = await _project_log(client)
    for text in (
        (await client.http.get("/api/v1/triggers")).text,
        (await client.http.get("/api/v1/audit")).text,
        (await client.http.get(f"/v1/workflow-runs/{run['id']}/events")).text,
        log,
    ):
        assert "s3cret-of-shop" not in text
    assert "StarterSet" in log


async def _project_log(client: Client) -> str:
    """Return the project's log up to the last change of a trigger."""
    found: list[str] = []
    url = "/v1/log/stream"
    async with asyncio.timeout(20), client.http.stream("GET", url) as stream:
        async for line in stream.aiter_lines():
            found.append(line)
            if sum("StarterSet" in each and each.startswith("data:") for each in found) == 4:
                break
    return "\n".join(found)


async def test_inputs_may_stand_in_the_config_of_a_trigger_too(client: Client) -> None:
    await client.workflow("order")
    made = await client.trigger("order", "schedule", {"cron": "@daily", "inputs": {"n": 1}})
    assert made["inputs"] == {"n": 1}
    assert "inputs" not in made["config"]
    body: Any = {"flowId": "order", "type": "webhook", "inputs": {}, "config": {"inputs": {}}}
    twice = await client.http.post("/api/v1/triggers", json=body)
    assert twice.status_code == 400
    assert twice.json()["details"] == ["config.inputs: are there twice: beside config too"]


async def test_one_delivery_at_once_to_many_starts_one_run(client: Client) -> None:
    await client.workflow("order")
    made = await client.trigger("order", "webhook", {"secret": "s"})
    headers = {"X-Signature-256": signed("s", b"1"), "X-Delivery-Id": "d"}
    posts = [client.http.post(made["url"], content=b"1", headers=headers) for _ in range(12)]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["executionId"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert len(await client.runs(1)) == 1


async def test_a_webhook_may_wait_for_the_end(client: Client) -> None:
    await client.workflow("order")
    made = await client.trigger("order", "webhook", {"responseMode": "wait", "waitSeconds": 20})
    assert made["config"]["mode"] == "wait"
    answer = await client.http.post(made["url"], json={"a": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "SUCCESS"
    assert set(answer.json()["outputs"]) == {"a"}
    slow = {"step_ref": "z", "step_type": "sleep", "sleep_duration_secs": 60}
    await client.workflow("slow", steps=[slow])
    made = await client.trigger("slow", "webhook", {"mode": "wait", "waitSeconds": 0.3})
    answer = await client.http.post(made["url"], json={"a": 1})
    assert (answer.status_code, answer.json()["status"]) == (202, "QUEUED")


async def test_a_hook_is_found_by_its_path_in_the_project(client: Client) -> None:
    await client.workflow("order")
    made = await client.trigger("order", "webhook", {"path": "/hooks/deploy/main"})
    assert made["url"] == "/hooks/deploy/main"
    for path in ("deploy/main", "deploy%2Fmain"):
        answer = await client.http.post(f"/hooks/{path}", json={"a": 1})
        assert answer.status_code == 202, answer.text
        assert answer.json()["workflow"] == "order"
        assert answer.json()["version"] == 1
    project = client.http.headers["X-Project-Id"]
    async with httpx.AsyncClient(base_url=client.http.base_url) as bare:
        assert (await bare.post("/hooks/deploy/main")).status_code == 404
        named = await bare.post(f"/hooks/deploy/main?project_id={project}")
        assert named.status_code == 202
    runs = await client.runs(3)
    assert {run["payload"]["trigger"]["path"] for run in runs} == {"/hooks/deploy/main"}


async def test_the_end_of_one_flow_starts_another(client: Client) -> None:
    await client.workflow("order")
    await client.workflow("bill")
    config = {"flowId": "order", "statuses": ["SUCCESS"]}
    made = await client.trigger("bill", "flow", config)
    assert made["config"] == config
    begun = (await client.http.post("/v1/workflows/order/trigger", json={})).json()
    runs = await client.runs(2)
    (follower,) = [run for run in runs if run["triggered_by"] == "flow"]
    execution = follower["payload"]["trigger"]["execution"]
    assert (execution["id"], execution["name"]) == (begun["id"], "order")
    assert set(execution["outputs"]) == {"a"}


async def test_triggers_are_listed_narrowed_and_paged(client: Client) -> None:
    await client.workflow("order")
    await client.workflow("other")
    for n in range(3):
        await client.trigger("order", "webhook", {}, name=f"n{n}", enabled=n != 1)
    await client.trigger("other", "schedule", {"cron": "@daily"})
    every = (await client.http.get("/api/v1/triggers")).json()
    assert [each["name"] for each in every] == [None, "n2", "n1", "n0"]

    async def names(**query: str) -> list[str | None]:
        found = await client.http.get("/api/v1/triggers", params=query)
        assert found.status_code == 200, found.text
        return [each["name"] for each in found.json()]

    assert await names(type="schedule") == [None]
    assert await names(flowId="order", enabled="true") == ["n2", "n0"]
    assert await names(flowId="nothing") == []
    page = await client.http.get("/api/v1/triggers", params={"limit": 3})
    assert 'rel="next"' in page.headers["Link"]
    rest = await names(cursor=page.headers["X-Next-Cursor"])
    assert rest == ["n0"]
    wrong = await client.http.get("/api/v1/triggers", params={"type": "x", "enabled": "x"})
    assert wrong.status_code == 400
    assert len(wrong.json()["details"]) == 2


async def test_all_faults_of_a_trigger_are_told_at_once(client: Client) -> None:
    config = {"cron": "61 * * * *", "timezone": "Mars", "catchup": "some", "jitter": "x", "z": 1}
    body = {"flowId": "nothing", "type": "schedule", "config": config, "more": 1}
    answer = await client.http.post("/api/v1/triggers", json=body)
    assert answer.status_code == 400
    places = [each.split(":")[0] for each in answer.json()["details"]]
    assert sorted(places) == [
        "config.catchup",
        "config.cron",
        "config.jitter",
        "config.timezone",
        "config.z",
        "flowId",
        "more",
    ]
    await client.workflow("order")
    config = {"cron": "61 * * * *", "timezone": "Mars", "jitter": "x", "interval": 0.1}
    body = {"flowId": "order", "type": "schedule", "config": config}
    answer = await client.http.post("/api/v1/triggers", json=body)
    places = [each.split(":")[0] for each in answer.json()["details"]]
    assert set(places) == {
        "config.cron",
        "config.timezone",
        "config.jitter",
        "config.interval",
    }
    wrong = {"key": "a\nb", "methods": ["HEAD"], "window": 0, "waitSeconds": 61}
    body = {"flowId": "order", "type": "webhook", "config": wrong}
    answer = await client.http.post("/api/v1/triggers", json=body)
    assert len(answer.json()["details"]) == 4, answer.text
    made = await client.trigger("order", "schedule", {"cron": "@daily"})
    turned = await client.http.put(f"/api/v1/triggers/{made['id']}", json={"type": "webhook"})
    assert turned.status_code == 400


async def test_making_a_trigger_twice_with_one_key_makes_one(client: Client) -> None:
    await client.workflow("order")
    body: dict[str, Any] = {"flowId": "order", "type": "webhook", "config": {}}
    keyed = {"Idempotency-Key": "k"}
    first = await client.http.post("/api/v1/triggers", json=body, headers=keyed)
    again = await client.http.post("/api/v1/triggers", json=body, headers=keyed)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len((await client.http.get("/api/v1/triggers")).json()) == 1
    taken = {"key": first.json()["config"]["key"]}
    other = await client.http.post("/api/v1/triggers", json=body | {"config": taken})
    assert other.status_code == 409


async def test_triggers_of_another_namespace_are_not_there(client: Client) -> None:
    await client.workflow("order")
    made = await client.trigger("order", "schedule", {"cron": "@daily"})
    other = {"X-Project-Id": "somebody-else"}
    url = f"/api/v1/triggers/{made['id']}"
    for method, path, body in (
        ("GET", url, None),
        ("PUT", url, {}),
        ("DELETE", url, None),
        ("POST", url + "/pause", None),
        ("POST", url + "/resume", None),
        ("POST", url + "/backfill", {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}),
    ):
        answer = await client.http.request(method, path, json=body, headers=other)
        assert answer.status_code == 404, (method, path)
    found = await client.http.get(
        "/api/v1/triggers", params={"namespace": client.http.headers["X-Project-Id"]}
    )
    assert [each["id"] for each in found.json()] == [made["id"]]
