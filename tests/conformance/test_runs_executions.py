"""Executions of YAML workflows through the front door, from their beginning to their end."""

import asyncio

import httpx
import pytest
from tests.conformance.client import Service, reply, sent
from tests.conformance.native import Native
from tests.conformance.native import calling as native_calling
from tests.conformance.runs import Json, Runs, calling, saying, workflow


@pytest.fixture
def runs(http: httpx.AsyncClient) -> Runs:
    return Runs(http)


def statuses(found: Json) -> dict[str, str]:
    return {name: step["status"] for name, step in found["steps"].items()}


async def test_steps_that_do_not_depend_on_each_other_run_at_once(
    runs: Runs, service: Service
) -> None:
    service.on("/a", reply({"n": 1}, delay=2.0))
    service.on("/b", reply({"n": 2}, delay=2.0))
    both = "{{ steps.a.output.json.n + steps.b.output.json.n }}"
    found = await runs.ran(calling(service, "a"), calling(service, "b"), saying("sum", both))
    assert found["status"] == "completed"
    assert found["steps"]["sum"]["output"]["message"] == 3
    (a,), (b,) = service.calls("/a"), service.calls("/b")
    assert abs(a.at - b.at) < 1.9


async def test_a_step_that_comes_later_in_the_text_may_be_depended_on(
    runs: Runs, service: Service
) -> None:
    await runs.ran(calling(service, "a", "depends_on: [b-c]"), calling(service, "b-c"))
    assert service.order() == ["/b-c", "/a"]


async def test_an_answer_has_its_status_headers_text_and_json(runs: Runs, service: Service) -> None:
    service.on("/a", reply({"n": [1, {"x": True}]}, X_Seen="yes"))
    step = calling(service, "a", method="POST", body="{sent: '{{ inputs.n }}'}", headers="{x-a: b}")
    found = await runs.ran(step, inputs="{n: {type: number}}", given={"n": 7.5})
    output = found["steps"]["a"]["output"]
    assert (output["status"], output["json"]) == (200, {"n": [1, {"x": True}]})
    assert output["headers"]["x-seen"] == "yes"
    assert output["body"] == '{"n":[1,{"x":true}]}'
    (call,) = service.calls("/a")
    assert (call.verb, sent(call), call.headers["x-a"]) == ("POST", {"sent": 7.5}, "b")


async def test_a_step_whose_condition_is_false_is_skipped_and_counts_as_done(runs: Runs) -> None:
    found = await runs.ran(
        saying("a", "hi", "if: inputs.n > 1"),
        saying("b", "{{ steps.a.output.size() == 0 ? 'nothing' : 'something' }}"),
        saying("c", "{{ default(steps.a.output.message, 'none') }}", "if: steps.b.error == null"),
        inputs="{n: {type: number, default: 1}}",
    )
    assert statuses(found) == {"a": "skipped", "b": "completed", "c": "completed"}
    assert found["status"] == "completed"
    assert found["steps"]["b"]["output"]["message"] == "nothing"
    assert found["steps"]["c"]["output"]["message"] == "none"


async def test_a_condition_that_has_no_answer_fails_its_step_with_the_reason(runs: Runs) -> None:
    found = await runs.ran(saying("a", "hi"), saying("b", "x", "if: steps.a.output.nothing > 1"))
    assert found["status"] == "failed"
    assert "nothing" in found["steps"]["b"]["error"]
    assert "nothing" in found["error"]


async def test_a_step_is_tried_as_often_as_it_says_and_each_failure_counts(
    runs: Runs, service: Service
) -> None:
    service.on("/a", reply(status=503), reply(status=404), reply({"ok": 1}))
    again = "retry: {max_attempts: 3, delay: 10ms}"
    found = await runs.ran(calling(service, "a", again))
    assert (found["status"], found["steps"]["a"]["attempts"]) == ("completed", 3)
    service.on("/b", reply(status=500))
    found = await runs.ran(calling(service, "b", again, "if: true"))
    assert (found["status"], len(service.calls("/b"))) == ("failed", 3)


async def test_a_time_out_is_that_of_each_attempt(runs: Runs, service: Service) -> None:
    service.on("/a", reply(delay=20), reply({"ok": 1}))
    step = calling(service, "a", "timeout: 300ms", "retry: {max_attempts: 2, delay: 0s}")
    found = await runs.ran(step)
    assert (found["status"], found["steps"]["a"]["attempts"]) == ("completed", 2)
    service.on("/b", reply(delay=20))
    found = await runs.ran(calling(service, "b", "timeout: 300ms"))
    assert found["status"] == "failed"
    assert "0.3" in found["steps"]["b"]["error"]
    assert found["steps"]["b"]["completed_at"] is not None


async def test_a_failure_that_is_tolerated_shows_its_error_and_its_output(
    runs: Runs, service: Service
) -> None:
    service.on("/a", reply({"why": "busy"}, status=409))
    found = await runs.ran(
        calling(service, "a", "continue_on_error: true"),
        saying("b", "{{ steps.a.output.status }} {{ steps.a.output.json.why }}"),
        saying("c", "{{ steps.a.error }}", "if: steps.a.error != null"),
        saying("d", "x", "if: steps.b.error != null"),
    )
    assert found["status"] == "completed"
    assert statuses(found) == {"a": "failed", "b": "completed", "c": "completed", "d": "skipped"}
    assert found["steps"]["b"]["output"]["message"] == "409 busy"
    assert "409" in found["steps"]["c"]["output"]["message"]


async def test_hooks_run_in_order_after_the_work_and_change_no_end(
    runs: Runs, service: Service
) -> None:
    service.on("/bad", reply(status=500))
    service.on("/h1", reply(status=500))
    told = "'{{ execution.status }} {{ execution.failed_step }} {{ execution.error }}'"
    failure = f"[{calling(service, 'h1')}, {calling(service, 'h2', body=told, method='POST')}]"
    skipped = calling(service, "no", "if: execution.status == 'completed'")
    said = ("execution.workflow_name", "execution.workflow_version", "hooks.h2.output.status")
    named = repr(" ".join(f"{{{{ {each} }}}}" for each in said))
    finish = f"[{skipped}, {calling(service, 'h3', body=named, method='POST')}]"
    success = f"[{calling(service, 'never')}]"
    hooks = f"{{on_failure: {failure}, on_finish: {finish}, on_success: {success}}}"
    found = await runs.ran(calling(service, "bad"), hooks=hooks)
    assert found["status"] == "failed"
    assert service.order() == ["/bad", "/h1", "/h2", "/h3"]
    (h2,), (h3,) = service.calls("/h2"), service.calls("/h3")
    assert sent(h2).startswith("failed bad ")
    assert "500" in sent(h2)
    assert sent(h3) == "w 1 200"
    states = statuses(found)
    assert (states["h1"], states["no"], states["h3"]) == ("failed", "skipped", "completed")
    assert "never" not in service.order()


async def test_a_run_that_takes_too_long_ends_so_and_its_hooks_run(
    runs: Runs, service: Service
) -> None:
    service.on("/slow", reply(delay=20))
    hooks = f"{{on_failure: [{calling(service, 'h1')}], on_success: [{calling(service, 'no')}]}}"
    found = await runs.ran(calling(service, "slow"), timeout="3s", hooks=hooks)
    assert found["status"] == "timed_out"
    assert service.order() == ["/slow", "/h1"]


async def test_hooks_have_a_time_limit_of_their_own(runs: Runs, service: Service) -> None:
    service.on("/slow", reply(delay=20))
    hooks = f"{{timeout: 2s, on_success: [{calling(service, 'slow')}]}}"
    found = await runs.ran(saying("a", "hi"), hooks=hooks)
    assert found["status"] == "completed"
    assert found["steps"]["slow"]["status"] == "cancelled"


async def test_a_cancel_stops_what_is_in_flight_and_runs_no_hook(
    runs: Runs, service: Service
) -> None:
    service.on("/slow", reply(delay=20))
    hooks = f"{{on_failure: [{calling(service, 'h1')}], on_finish: [{calling(service, 'h2')}]}}"
    id = await runs.start(calling(service, "slow"), hooks=hooks)
    await service.called("/slow")
    answer = await runs.http.post(f"/api/v1/cancel/{id}")
    assert answer.json() == {"execution_id": id, "status": "cancelled"}
    async with asyncio.timeout(10):
        found = await runs.end(id)
    assert (found["status"], found["steps"]["slow"]["status"]) == ("cancelled", "cancelled")
    assert service.order() == ["/slow"]
    answer = await runs.http.post(f"/api/v1/cancel/{id}")
    assert answer.status_code == 409
    assert "it is cancelled" in answer.json()["error"]


async def test_a_child_run_takes_inputs_and_gives_its_outputs(runs: Runs, service: Service) -> None:
    child = workflow(
        saying("double", "{{ inputs.n * 2.0 }}"),
        name="child",
        inputs="{n: {type: number, required: true}}",
    )
    await runs.apply(child, "child")
    call = "{name: sub, action: workflow/run, params: {workflow: child, inputs: %s}}"
    good = call % "{n: '{{ inputs.n }}'}"
    said = saying("said", "{{ steps.sub.output.steps.double.message }}")
    found = await runs.ran(good, said, inputs="{n: {type: number}}", given={"n": 4})
    assert found["status"] == "completed"
    assert found["steps"]["said"]["output"]["message"] == 8
    (begun,) = await runs.all_of("child")
    assert (begun["status"], begun["version"]) == ("completed", 1)
    gives = {"execution_id": begun["id"], "status": "completed"}
    outputs = {"double": found["steps"]["sub"]["output"]["steps"]["double"]}
    assert found["steps"]["sub"]["output"] == {**gives, "steps": outputs}
    found = await runs.ran(call % "{m: 1}", name="v")
    assert found["status"] == "failed"
    assert "inputs.n: is required" in found["steps"]["sub"]["error"]
    assert "inputs.m: there is no such input" in found["steps"]["sub"]["error"]


async def test_a_child_runs_in_its_newest_version_or_in_the_one_that_is_named(runs: Runs) -> None:
    for word in ("one", "two"):
        await runs.apply(workflow(saying("a", word), name="child"), "child")
    step = "{name: %s, action: workflow/run, params: {workflow: child%s}}"
    await runs.apply(workflow(step % ("new", ""), step % ("old", ", version: 1")))
    await runs.apply(workflow(saying("a", "three"), name="child"), "child")
    found = await runs.end(await runs.begin())
    said = {name: step["output"]["steps"]["a"]["message"] for name, step in found["steps"].items()}
    assert said == {"new": "three", "old": "one"}


async def test_the_end_of_a_run_ends_its_children(runs: Runs, service: Service) -> None:
    service.on("/slow", reply(delay=20))
    await runs.apply(workflow(calling(service, "slow"), name="child"), "child")
    id = await runs.start("{name: sub, action: workflow/run, params: {workflow: child}}")
    await service.called("/slow")
    await runs.http.post(f"/api/v1/cancel/{id}")
    assert (await runs.end(id))["status"] == "cancelled"
    (child,) = await runs.all_of("child")
    assert (await runs.end(child["id"]))["status"] == "cancelled"


async def test_a_child_may_be_let_go_or_fail_without_its_step(runs: Runs) -> None:
    nap = "{name: nap, action: core.sleep, params: {duration: 1h}}"
    await runs.apply(workflow(nap, name="child"), "child")
    fail = "{name: no, action: core.fail, params: {message: 'no'}}"
    await runs.apply(workflow(fail, name="bad"), "bad")
    call = "{name: %s, action: core.subflow, params: {flow: %s, %s: false}}"
    found = await runs.ran(call % ("go", "child", "wait"), call % ("try", "bad", "transmitFailed"))
    assert found["status"] == "completed", found
    (child,) = await runs.all_of("child")
    assert child["status"] == "running"
    gives: Json = {"executionId": child["id"], "status": "pending", "outputs": {}}
    assert found["steps"]["go"]["output"] == gives
    assert found["steps"]["try"]["output"]["status"] == "failed"
    await runs.http.post(f"/api/v1/cancel/{child['id']}")


async def test_a_gate_tells_whom_it_names_and_has_no_branches(runs: Runs, service: Service) -> None:
    ask = "{name: ask, action: core.gate, params: {message: m, %s}}"
    await runs.start(ask % f"notify: ['{service.url}/told']")
    (told,) = await service.called("/told")
    assert sent(told)["taskName"] == "ask"
    for wrong, place in (("notify: nowhere", "notify"), ("onReject: []", "onReject")):
        answer = await runs.put(workflow(ask % wrong, name="x"), "x")
        assert answer.status_code == 400, answer.text
        assert f"params.{place}" in answer.text


async def test_what_a_step_gives_is_never_evaluated(runs: Runs, service: Service) -> None:
    evil = "{{ env.HOME }} {{ inputs.secret }}"
    service.on("/a", reply({"said": evil}))
    found = await runs.ran(
        calling(service, "a"),
        saying("b", "{{ steps.a.output.json.said }}"),
        saying("c", "<{{ steps.b.output.message }}>"),
        inputs="{secret: {default: hidden}}",
        given={"secret": "{{ 1 + 1 }}"},
    )
    assert found["steps"]["b"]["output"]["message"] == evil
    assert found["steps"]["c"]["output"]["message"] == f"<{evil}>"


async def test_a_queued_run_begins_when_there_is_room(runs: Runs) -> None:
    gate = "{name: ask, action: core.gate, if: inputs.hold}"
    first = await runs.start(
        gate,
        inputs="{hold: {type: boolean, default: false}}",
        given={"hold": True},
        max_parallel_executions="1",
    )
    await runs.until(first, lambda found: found["execution"]["waitingFor"] == "approval")
    second = await runs.begin()
    await runs.until(second, lambda found: found["status"] == "queued")
    await runs.http.post(f"/v1/workflow-runs/{first}/steps/ask/approve", json={})
    ended, begun = await runs.end(first), await runs.end(second)
    assert (ended["status"], begun["status"]) == ("completed", "completed")
    assert ended["completed_at"] <= begun["started_at"]


async def test_a_run_over_the_limit_is_not_made_where_it_would_be_rejected(
    runs: Runs, service: Service
) -> None:
    service.on("/a", reply(delay=20.0))
    limits: Json = {"max_parallel_executions": "1", "on_limit": "reject"}
    id = await runs.start(calling(service, "a"), **limits)
    answer = await runs.http.post("/api/v1/run/w")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"] == "at most 1 run of w may go on at once"
    assert [each["id"] for each in await runs.all_of("w")] == [id]
    await runs.http.post(f"/api/v1/cancel/{id}")
    await runs.end(id)
    assert (await runs.http.post("/api/v1/run/w")).status_code == 202


async def test_of_runs_that_begin_at_one_instant_no_more_go_on_than_may(
    runs: Runs, service: Service
) -> None:
    service.on("/a", reply(delay=20.0))
    limits: Json = {"max_parallel_executions": "1", "on_limit": "reject"}
    await runs.apply(workflow(calling(service, "a"), **limits))
    answers = await asyncio.gather(*(runs.http.post("/api/v1/run/w") for _ in range(4)))
    assert {each.status_code for each in answers} <= {202, 429}
    made = [each.json()["execution_id"] for each in answers if each.status_code == 202]
    found = [await runs.until(id, _is_judged) for id in made]
    going = [each["id"] for each in found if each["status"] == "running"]
    assert len(going) == 1
    turned_away = [each["error"] for each in found if each["id"] not in going]
    assert all("at most 1 run of w" in error for error in turned_away)
    await service.called("/a")
    await runs.http.post(f"/api/v1/cancel/{going[0]}")
    assert len(service.calls("/a")) == 1


def _is_judged(found: Json) -> bool:
    """Say whether a run has been let in or turned away."""
    return found["status"] == "failed" or found["steps"]["a"]["status"] == "running"


async def test_a_failed_run_is_done_again_from_where_it_failed(
    runs: Runs, service: Service
) -> None:
    service.on("/b", reply(status=500), reply({"ok": 1}))
    hooks = f"{{on_finish: [{calling(service, 'h')}]}}"
    steps = (calling(service, "a"), calling(service, "b", "depends_on: [a]"))
    first = await runs.end(await runs.start(*steps, hooks=hooks))
    assert first["status"] == "failed"
    answer = await runs.http.post(f"/api/v1/retry/{first['id']}")
    assert answer.status_code == 202
    begun = answer.json()
    assert (begun["workflow"], begun["version"]) == ("w", 1)
    assert answer.headers["location"] == f"/api/v1/executions/{begun['execution_id']}"
    again = await runs.end(begun["execution_id"])
    assert (again["status"], again["retry_of"]) == ("completed", first["id"])
    assert service.order() == ["/a", "/b", "/h", "/b", "/h"]
    answer = await runs.http.post(f"/api/v1/retry/{begun['execution_id']}")
    assert answer.status_code == 409
    assert "it is completed, not failed" in answer.json()["error"]


async def test_a_run_is_done_again_from_a_step_that_is_named(runs: Runs, service: Service) -> None:
    service.on("/c", reply(status=500), reply({"ok": 1}))
    names = (("a", "if: true"), ("b", "depends_on: [a]"), ("c", "depends_on: [b]"))
    first = await runs.ran(*(calling(service, *each) for each in names))
    path = f"/api/v1/retry/{first['id']}"
    wrong = await runs.http.post(path, json={"from_step": "bb"})
    assert wrong.json()["details"] == ['from_step: no step "bb" (did you mean "b"?)']
    answer = await runs.http.post(path, json={"from_step": "b"})
    assert (await runs.end(answer.json()["execution_id"]))["status"] == "completed"
    assert service.order() == ["/a", "/b", "/c", "/b", "/c"]


async def test_definitions_of_all_dialects_are_run_by_their_names(
    runs: Runs, service: Service
) -> None:
    native = Native(runs.http)
    await native.create(
        native_calling(service, "n", request={"body": "{{payload}}"}), slug="their-own"
    )
    id = await runs.begin("their-own", {"x": 1})
    assert (await runs.end(id))["status"] == "completed"
    assert sent(service.calls("/n")[0]) == {"x": 1}
    await runs.apply(workflow(saying("a", "{{ inputs.x }}"), inputs="{x: {type: number}}"))
    run = await native.trigger("w", {"x": 2})
    assert (await native.end(run["id"]))["status"] == "completed"
    assert (await runs.get(run["id"]))["steps"]["a"]["output"]["message"] == 2
    answer = await runs.http.post("/v1/workflows/w/trigger", json={"payload": {"y": 2}})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == ["inputs.y: there is no such input"]


async def test_a_pause_outlives_nothing_and_holds_nobody(runs: Runs) -> None:
    nap = "{name: nap, action: core.sleep, params: {duration: '{{ inputs.for }}'}}"
    found = await runs.ran(
        nap,
        saying("after", "up", "depends_on: [nap]"),
        inputs="{for: {type: string}}",
        given={"for": "200ms"},
    )
    assert statuses(found) == {"nap": "completed", "after": "completed"}
