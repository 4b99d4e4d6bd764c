"""What the original got wrong and could happen here: each fault a law that it must not."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from tests.conformance.client import (
    Json,
    Sagas,
    Service,
    awaiting,
    calling,
    reply,
    sent,
    undo,
)

from mainspring.testing.peer import Reply
from mainspring.testing.sagas import call, graph, hello_world, join, sleep, split, switch, task

# Runs.


async def test_a_stored_node_graph_runs_and_can_be_retried(sagas: Sagas, service: Service) -> None:
    service.on("/a", reply(status=500), reply({"n": 1}))
    stored = await sagas.http.post("/sagas/definitions", json=graph(calling(service, "a")))
    assert stored.status_code == 201
    run = await sagas.http.post("/sagas/definitions/n/v1/run", json={"payload": {"x": 1}})
    id = run.json()["id"]
    assert (await sagas.end(id))["status"] == "FAILED"
    assert (await sagas.http.post(f"/sagas/{id}/retry")).status_code == 202
    assert (await sagas.end(id))["status"] == "SUCCEEDED"


async def test_a_stored_definition_of_the_older_form_runs(sagas: Sagas, service: Service) -> None:
    steps = [{"name": "a", "up": call(f"{service.url}/a"), "down": undo(service, "a")}]
    old = {"name": "old", "version": "1", "steps": steps}
    assert (await sagas.http.post("/sagas/definitions", json=old)).status_code == 201
    run = await sagas.http.post("/sagas/definitions/old/1/run", json={})
    assert (await sagas.end(run.json()["id"]))["status"] == "SUCCEEDED"


async def test_two_definitions_of_one_name_and_version_do_not_run_each_others_graph(
    sagas: Sagas, service: Service
) -> None:
    one, other = graph(calling(service, "one")), graph(calling(service, "other"))
    assert (one["name"], one["version"]) == (other["name"], other["version"])
    ids = [await sagas.run(one), await sagas.run(other), await sagas.run(one)]
    for id in ids:
        await sagas.end(id)
    assert sorted(service.order()) == ["/one", "/one", "/other"]


async def test_retry_keeps_the_payload_and_all_earlier_results(
    sagas: Sagas, service: Service
) -> None:
    service.on("/a", reply({"from": "a"}))
    service.on("/b", reply(status=500), reply())
    body = {"who": "{{payload.who}}", "a": "{{nodes.a.response.body.from}}"}
    definition = graph(calling(service, "a", "b"), calling(service, "b", request={"body": body}))
    id = (await sagas.ran(definition, {"who": "Ann"}))["id"]
    await sagas.http.post(f"/sagas/{id}/retry")
    ended = await sagas.end(id)
    assert ended["payload"] == {"who": "Ann"}
    assert service.order() == ["/a", "/b", "/b"]
    assert sent(service.calls("/b")[1]) == {"who": "Ann", "a": "a"}


async def test_a_retry_of_a_saga_that_runs_or_has_succeeded_changes_nothing(
    sagas: Sagas, service: Service
) -> None:
    id = await sagas.run(graph(sleep("nap", 60_000)))
    await sagas.until(id, "SLEEPING")
    refused = await sagas.http.post(f"/sagas/{id}/retry")
    assert refused.status_code == 409
    assert refused.json() == {"errors": ["cannot retry: the saga is SLEEPING"]}


async def test_an_unknown_thing_is_404_and_never_204(http: httpx.AsyncClient) -> None:
    nobody = "00000000-0000-7000-8000-000000000000"
    for method, path in (
        ("GET", f"/sagas/{nobody}"),
        ("GET", f"/sagas/{nobody}/steps"),
        ("GET", f"/sagas/definitions/{nobody}"),
        ("GET", "/sagas/definitions/nobody/v1"),
        ("POST", "/sagas/definitions/nobody/v1/run"),
        ("POST", f"/sagas/{nobody}/retry"),
    ):
        assert (await http.request(method, path)).status_code == 404


async def test_a_run_can_be_read_before_its_first_step_has_ended(
    sagas: Sagas, service: Service
) -> None:
    service.on("/a", reply(delay=0.3))
    id = await sagas.run(graph(calling(service, "a")))
    assert (await sagas.get(id))["status"] == "IN_PROGRESS"
    await service.called("/a")
    assert (await sagas.get(id))["currentNodes"] == ["a"]
    await sagas.end(id)


async def test_a_malformed_definition_is_400_and_tells_nothing_of_the_parser(
    http: httpx.AsyncClient,
) -> None:
    for body in (b"{", b"{}", b"[]", b'{"name": 5}', b'{"nodes": [[]]}', b"\x00"):
        answer = await http.post(
            "/sagas/definitions", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400
        text = answer.text.lower()
        assert not any(word in text for word in ("msgspec", "traceback", "python", "struct"))


async def test_the_step_after_a_switch_sees_the_step_before_it(
    sagas: Sagas, service: Service
) -> None:
    service.on("/a", reply({"n": 1}))
    request = {"body": {"prev": "{{prev.body.n}}", "a": "{{nodes.a.response.body.n}}"}}
    definition = graph(
        calling(service, "a", "s"),
        switch("s", "b", ({"==": [{"var": "prev.body.n"}, 2]}, "a")),
        calling(service, "b", request=request),
    )
    assert (await sagas.ran(definition))["status"] == "SUCCEEDED"
    assert sent(service.calls("/b")[0]) == {"prev": 1, "a": 1}


async def test_input_is_an_alias_of_payload_in_switches(sagas: Sagas, service: Service) -> None:
    rule = {"==": [{"var": "input.kind"}, "x"]}
    definition = graph(
        switch("s", "other", (rule, "wanted")),
        calling(service, "wanted"),
        calling(service, "other"),
    )
    await sagas.ran(definition, {"kind": "x"})
    assert service.order() == ["/wanted"]


async def test_a_repeated_node_resolves_to_its_newest_result(
    sagas: Sagas, service: Service
) -> None:
    service.on("/a", reply({"n": 1}), reply({"n": 2}))
    rule = {"<": [{"var": "nodes.a.response.body.n"}, 2]}
    definition = graph(
        calling(service, "a", "s"),
        switch("s", "b", (rule, "a")),
        calling(service, "b", request={"body": "{{step.a.body.n}}"}),
    )
    await sagas.ran(definition)
    assert sent(service.calls("/b")[0]) == 2


async def test_steps_are_in_order_with_latencies_of_their_own(
    sagas: Sagas, service: Service
) -> None:
    service.on("/a", reply())
    service.on("/b", reply(delay=0.2))
    nodes = [calling(service, "a", "b"), calling(service, "b", "c"), calling(service, "c")]
    rows = await sagas.steps((await sagas.ran(graph(*nodes)))["id"])
    assert [each["stepName"] for each in rows] == ["a", "b", "c"]
    assert [each["id"] for each in rows] == sorted(each["id"] for each in rows)
    first, second, third = (each["latencyMs"] for each in rows)
    assert second >= 200
    assert first < 200
    assert third < 200


# Sleeping.


async def test_wake_of_a_final_sleep_ends_the_run(sagas: Sagas) -> None:
    id = await sagas.run(graph(sleep("nap", 60_000)))
    await sagas.until(id, "SLEEPING")
    assert (await sagas.http.post(f"/sagas/{id}/wake")).status_code == 202
    assert (await sagas.end(id))["status"] == "SUCCEEDED"


async def test_a_woken_saga_runs_the_next_node_once(sagas: Sagas, service: Service) -> None:
    id = await sagas.run(graph(sleep("nap", 300, "a"), calling(service, "a")))
    await sagas.until(id, "SLEEPING")
    wakes = [sagas.http.post(f"/sagas/{id}/wake") for _ in range(5)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*wakes))
    assert statuses.count(202) == 1
    assert set(statuses) <= {200, 202, 409}
    await sagas.end(id)
    nap = await sagas.ran(graph(sleep("other", 400)))  # longer than what the first had left
    assert nap["status"] == "SUCCEEDED"
    assert len(service.calls("/a")) == 1


async def test_a_sleep_of_weeks_is_taken(sagas: Sagas) -> None:
    month = 31 * 86_400_000
    id = await sagas.run(graph(sleep("nap", month)))
    await sagas.until(id, "SLEEPING")
    await sagas.http.post(f"/sagas/{id}/wake")
    await sagas.end(id)


# Asynchronous tasks.


async def test_conditions_of_a_callback_do_not_break_the_run(
    sagas: Sagas, service: Service
) -> None:
    rule = {"==": [{"var": "callback.body.ok"}, True]}
    body = {"definition": graph(awaiting(service, successWhen=rule, failureWhen=rule))}
    assert (await sagas.http.post("/sagas/run", json=body)).status_code == 202


async def test_success_callback_fires_when_the_last_node_is_asynchronous(
    sagas: Sagas, service: Service
) -> None:
    definition = graph(awaiting(service), onSuccessCallback=call(f"{service.url}/done"))
    id = await sagas.run(definition)
    await sagas.until(id, "WAITING_CALLBACK")
    await sagas.answer(service.calls("/ask")[0])
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    assert len(await service.called("/done")) == 1


async def test_a_join_fires_when_a_branch_ends_asynchronously(
    sagas: Sagas, service: Service
) -> None:
    definition = graph(
        split("fork", "meet", "ask", "left"),
        awaiting(service),
        calling(service, "left"),
        join("meet", "end"),
        calling(service, "end"),
    )
    id = await sagas.run(definition)
    (made,) = await service.called("/ask")
    async with asyncio.timeout(30):
        while await sagas.answer(made) != 202:
            pass
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    assert len(service.calls("/end")) == 1


async def test_an_answer_before_the_acceptance_is_kept(sagas: Sagas, service: Service) -> None:
    """The peer calls back while it has not yet answered the call itself."""
    statuses: list[int] = []

    def early(made: Any) -> Reply:
        headers = {"X-Callback-Token": made.headers["x-callback-token"]}
        url = made.headers["x-callback-url"]
        statuses.append(httpx.post(url, headers=headers, json={"n": 5}).status_code)
        return reply(status=202)

    service.respond("/ask", early)
    last = calling(service, "last", request={"body": "{{nodes.ask.callback.body.n}}"})
    ended = await sagas.ran(graph(awaiting(service, "last"), last))
    assert statuses == [202]
    assert ended["status"] == "SUCCEEDED"
    assert sent(service.calls("/last")[0]) == 5


async def test_an_old_token_does_not_use_up_the_wait(sagas: Sagas, service: Service) -> None:
    once: Json = {"type": "retry", "maxAttempts": 1, "delayMillis": 0}
    rule = {"var": "callback.body.ok"}
    id = await sagas.run(graph(awaiting(service, successWhen=rule), failureHandling=once))
    await sagas.until(id, "WAITING_CALLBACK")
    await sagas.answer(service.calls("/ask")[0], {"ok": False})
    old, new = await service.called("/ask", 2)
    await sagas.until(id, "WAITING_CALLBACK")
    assert await sagas.answer(old, {"ok": True}) == 409
    assert await sagas.answer(new, {"ok": True}) == 202
    assert (await sagas.end(id))["status"] == "SUCCEEDED"


async def test_one_of_many_answers_at_once_is_taken(sagas: Sagas, service: Service) -> None:
    id = await sagas.run(graph(awaiting(service)))
    await sagas.until(id, "WAITING_CALLBACK")
    made = service.calls("/ask")[0]
    answers = await asyncio.gather(*(sagas.answer(made, {"n": n}) for n in range(6)))
    assert sorted(answers) == [202] + [409] * 5
    await sagas.end(id)


async def test_later_nodes_see_what_the_callback_brought(sagas: Sagas, service: Service) -> None:
    last = calling(service, "last", request={"body": {"all": "{{nodes.ask.callback.body}}"}})
    id = await sagas.run(graph(awaiting(service, "last"), last))
    await sagas.until(id, "WAITING_CALLBACK")
    await sagas.answer(service.calls("/ask")[0], {"n": [1, 2]})
    await sagas.end(id)
    assert sent(service.calls("/last")[0]) == {"all": {"n": [1, 2]}}


@pytest.mark.parametrize(
    ("body", "kept"),
    [(b"plain text", "plain text"), (b"", None), (b"5", 5), (b"\xff\xfe", "\ufffd\ufffd")],
)
async def test_a_callback_may_bring_anything(
    sagas: Sagas, service: Service, body: bytes, kept: Any
) -> None:
    id = await sagas.run(graph(awaiting(service)))
    await sagas.until(id, "WAITING_CALLBACK")
    made = service.calls("/ask")[0]
    headers = {"X-Callback-Token": made.headers["x-callback-token"], "Content-Type": "text/plain"}
    url = made.headers["x-callback-url"]
    assert (await sagas.http.post(url, content=body, headers=headers)).status_code == 202
    assert (await sagas.end(id))["output"] == kept


# What comes back from services.


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (Reply(200, b"done and dusted", content_type="text/plain"), "done and dusted"),
        (Reply(200, b"", content_type="text/plain"), None),
        (Reply(200, b"{broken", content_type="application/json"), "{broken"),
        (Reply(200, b"<a>&amp;</a>", content_type="text/html"), "<a>&amp;</a>"),
        (Reply(200, b'{"a": "\\u0000"}'), {"a": "\x00"}),
        (Reply(200, b'"lone"'), "lone"),
    ],
)
async def test_a_plain_text_answer_does_not_stick_the_run(
    sagas: Sagas, service: Service, answer: Reply, kept: Any
) -> None:
    service.on("/a", answer)
    body = {"got": "{{nodes.a.response.body}}"}
    ended = await sagas.ran(
        graph(calling(service, "a", "b"), calling(service, "b", request={"body": body}))
    )
    assert ended["status"] == "SUCCEEDED"
    (first, _) = await sagas.steps(ended["id"])
    assert first.get("responseBody") == kept


async def test_values_in_quotes_are_sent_as_they_are(sagas: Sagas, service: Service) -> None:
    text = 'a "quoted" <b> & \\ back'
    body = '{"x": "{{payload.x}}", "raw": {{payload.list}}}'
    await sagas.ran(
        graph(calling(service, "a", request={"body": body})), {"x": text, "list": [1, {"y": None}]}
    )
    (made,) = service.calls("/a")
    assert sent(made) == {"x": text, "raw": [1, {"y": None}]}


async def test_a_json_body_is_sent_as_json(sagas: Sagas, service: Service) -> None:
    await sagas.ran(graph(calling(service, "a", request={"body": {"x": 1}})))
    (made,) = service.calls("/a")
    assert made.headers["content-type"] == "application/json"
    assert json.loads(made.body) == {"x": 1}


async def test_an_object_with_a_member_named_value_is_sent_whole(
    sagas: Sagas, service: Service
) -> None:
    body = {"value": "v", "unit": "kg"}
    await sagas.ran(graph(calling(service, "a", request={"body": body})))
    assert sent(service.calls("/a")[0]) == body


# Starting twice.


async def test_a_run_that_is_asked_for_twice_under_one_key_starts_once(
    sagas: Sagas, service: Service
) -> None:
    body = {"definition": hello_world(service.url)}
    key = {"Idempotency-Key": "order-7"}
    first = await sagas.http.post("/sagas/run", json=body, headers=key)
    second = await sagas.http.post("/sagas/run", json=body, headers=key)
    assert first.json() == second.json()
    await sagas.end(first.json()["id"])
    assert len(service.calls("/run")) == 1


async def test_a_definition_without_failure_handling_is_taken(
    sagas: Sagas, service: Service
) -> None:
    assert (await sagas.ran(graph(task("a", action=_get(service)))))["status"] == "SUCCEEDED"


def _get(service: Service) -> Json:
    return {"mode": "sync", "request": call(f"{service.url}/a", "GET")}
