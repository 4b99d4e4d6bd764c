"""What the original got wrong, each as a law that forbids it here."""

import asyncio

import httpx
import pytest
from tests.conformance.client import Service, reply, sent
from tests.conformance.runs import Json, Runs, calling, saying, workflow

from mainspring.plugin import installed


@pytest.fixture
def runs(http: httpx.AsyncClient) -> Runs:
    return Runs(http)


async def faults_of(runs: Runs, text: str) -> list[str]:
    """Return what is said of a text, each fault with its place."""
    answer = await runs.put(text)
    assert answer.status_code == 400, answer.text
    return [f"{each['path']}: {each['message']}" for each in answer.json()["details"]]


async def test_a_run_is_answered_before_it_has_ended(runs: Runs, service: Service) -> None:
    service.on("/slow", reply(delay=20))
    async with asyncio.timeout(15):
        id = await runs.start(calling(service, "slow"))
        assert (await runs.get(id))["status"] in ("pending", "running")
    await runs.http.post(f"/api/v1/cancel/{id}")


async def test_a_cancelled_run_makes_room_for_the_queued_one(runs: Runs, service: Service) -> None:
    service.on("/a", reply(delay=20), reply({"ok": 1}))
    first = await runs.start(calling(service, "a"), max_parallel_executions="1")
    await service.called("/a")
    second = await runs.begin()
    await runs.until(second, lambda found: found["status"] == "queued")
    await runs.http.post(f"/api/v1/cancel/{first}")
    assert (await runs.end(second))["status"] == "completed"


async def test_a_queued_run_can_be_cancelled(runs: Runs, service: Service) -> None:
    service.on("/a", reply(delay=20))
    first = await runs.start(calling(service, "a"), max_parallel_executions="1")
    await service.called("/a")
    second = await runs.begin()
    await runs.until(second, lambda found: found["status"] == "queued")
    for id in (second, first):
        assert (await runs.http.post(f"/api/v1/cancel/{id}")).status_code == 200
        assert (await runs.end(id))["status"] == "cancelled"
    assert len(service.calls("/a")) == 1


async def test_an_execution_shows_inputs_outputs_attempts_and_errors(
    runs: Runs, service: Service
) -> None:
    service.on("/a", reply({"why": "no"}, status=422))
    step = calling(service, "a", "retry: {max_attempts: 2, delay: 1ms}")
    found = await runs.ran(step, inputs="{n: {type: number}}", given={"n": 1})
    a = found["steps"]["a"]
    assert (found["inputs"], a["attempts"], a["output"]["json"]) == ({"n": 1}, 2, {"why": "no"})
    assert "422" in a["error"]
    assert "422" in found["error"]
    assert a["completed_at"] is not None


async def test_what_the_page_says_of_execution_is_there(runs: Runs) -> None:
    names = ("id", "workflow_name", "workflow_version", "status", "error", "duration_ms")
    every = ", ".join(f"execution.{name}" for name in (*names, "started_at"))
    hook = saying("h", f"{{{{ [{every}] }}}}")
    found = await runs.ran(saying("a", "x"), hooks=f"{{on_finish: [{hook}]}}")
    id, name, version, status, error, duration, started = found["steps"]["h"]["output"]["message"]
    assert (id, name, str(version), status, error) == (found["id"], "w", "1", "completed", None)
    assert duration >= 0
    assert started.endswith("Z")


async def test_names_with_hyphens_are_read_in_both_forms_and_depended_on(
    runs: Runs, service: Service
) -> None:
    service.on("/fetch-data", reply({"n": 5}, delay=0.2))
    found = await runs.ran(
        saying("dot", "{{ steps.fetch-data.output.json.n }}"),
        saying("bracket", "{{ steps['fetch-data'].output.json.n }}"),
        calling(service, "fetch-data"),
    )
    assert found["status"] == "completed"
    said = [found["steps"][name]["output"]["message"] for name in ("dot", "bracket")]
    assert said == [5, 5]


async def test_a_retry_waits_as_long_as_it_says(runs: Runs, service: Service) -> None:
    service.on("/a", reply(status=500), reply(status=500), reply({"ok": 1}))
    retry = "retry: {max_attempts: 3, backoff: fixed, delay: 400ms, max_delay: 1s}"
    assert (await runs.ran(calling(service, "a", retry)))["status"] == "completed"
    first, second, third = (call.at for call in service.calls("/a"))
    assert second - first >= 0.35
    assert third - second >= 0.35


async def test_a_change_of_any_field_is_told_by_the_plan(runs: Runs) -> None:
    step = saying("a", "x")
    await runs.apply(workflow(step))
    changes = {
        "timeout": "5m",
        "max_parallel_executions": "3",
        "on_limit": "reject",
        "triggers": "[{type: cron, schedule: '@daily'}]",
        "hooks": f"{{on_finish: [{saying('h', 'x')}]}}",
        "inputs": "{n: {default: 1}}",
        "description": "new",
    }
    for name, value in changes.items():
        text = workflow(step, **{name: value})
        answer = await runs.http.post("/api/v1/workflows/w/plan", json={"content": text})
        found = answer.json()
        assert [(each["kind"], each["path"]) for each in found["changes"]] == [("added", name)]
    for field in ("depends_on: []", "continue_on_error: true", "timeout: 1s"):
        text = workflow(saying("a", "x", field))
        answer = await runs.http.post("/api/v1/workflows/w/plan", json={"content": text})
        assert answer.json()["steps"]["changed"] == ["a"]


async def test_every_installed_plugin_is_an_action_or_says_how_it_is_put_here(runs: Runs) -> None:
    refused = {"core.forEach", "core.if", "core.switch", "core.parallel"}
    for id in installed().ids:
        text = f"name: w\nsteps: [{{name: a, action: {id}}}]\n"
        answer = await runs.http.post("/api/v1/workflows/validate", json={"content": text})
        errors = [each["message"] for each in answer.json()["errors"]]
        unknown = [each for each in errors if "no action" in each]
        assert bool(unknown) == (id in refused), (id, errors)


async def test_an_action_that_is_not_there_is_told_before_it_runs(runs: Runs) -> None:
    found = await faults_of(runs, "name: w\nsteps: [{name: a, action: slack/send}]\n")
    assert found == ['steps[0].action: no action "slack/send"']


async def test_what_this_server_has_not_is_refused_and_never_ignored(runs: Runs) -> None:
    text = """
        name: w
        token_budget: 1000
        steps:
        - {name: a, action: util.log, params: {message: x}, credential: c, registry_credential: d,
           artifacts: [{path: x, name: y}], max_parallel: 2}
        triggers: [{type: email, mailbox: m}]
        """
    assert [each.partition(":")[0] for each in await faults_of(runs, text)] == [
        "token_budget",
        "steps[0].credential",
        "steps[0].registry_credential",
        "steps[0].artifacts",
        "steps[0].max_parallel",
        "triggers[0].type",
    ]


async def test_a_field_that_the_form_does_not_know_is_told_with_its_line(runs: Runs) -> None:
    text = "name: w\nsteps:\n- name: a\n  connector: util.log\n  paramz: {message: x}\n"
    answer = await runs.put(text)
    told = [(each["line"], each["path"], each["message"]) for each in answer.json()["details"]]
    assert told == [
        (3, "steps[0].action", "is missing"),
        (4, "steps[0].connector", "is not known here"),
        (5, "steps[0].paramz", 'is not known here (did you mean "params"?)'),
    ]


async def test_a_schedule_that_never_comes_is_refused(runs: Runs) -> None:
    for schedule in ("* * *", "61 * * * *", "@sometimes", "0 0 31 2 *", "0 0 * * FUN"):
        text = workflow(saying("a", "x"), triggers=f"[{{type: cron, schedule: '{schedule}'}}]")
        (fault,) = await faults_of(runs, text)
        assert fault.startswith("triggers[0].schedule: ")


async def test_names_of_days_sunday_as_seven_and_steps_are_schedules(runs: Runs) -> None:
    for schedule in ("0 9 * * MON-FRI", "0 0 * * 7", "5/15 * * * *", "@weekly", "0 0 1 JAN *"):
        text = workflow(saying("a", "x"), triggers=f"[{{type: cron, schedule: '{schedule}'}}]")
        assert (await runs.put(text)).status_code in (200, 201), schedule


@pytest.mark.parametrize(
    ("headers", "body", "received"),
    [
        ("{content-type: text/plain}", "hello", b"hello"),
        ("{content-type: application/x-www-form-urlencoded}", "a=1&b=2", b"a=1&b=2"),
        ("{}", "{a: 1}", b'{"a":1}'),
        ("{}", "plain", b'"plain"'),
    ],
)
async def test_a_body_is_sent_as_its_headers_say(
    runs: Runs, service: Service, headers: str, body: str, received: bytes
) -> None:
    step = calling(service, "a", method="POST", headers=headers, body=body)
    assert (await runs.ran(step))["status"] == "completed"
    assert service.calls("/a")[0].body == received


async def test_a_large_answer_is_kept_whole(runs: Runs, service: Service) -> None:
    text = "x" * 1_500_000
    service.on("/a", reply(text))
    found = await runs.ran(calling(service, "a"), saying("b", "{{ steps.a.output.json.size() }}"))
    assert found["status"] == "completed", found["error"]
    assert found["steps"]["b"]["output"]["message"] == len(text)


async def test_a_malformed_id_is_not_found_anywhere(runs: Runs) -> None:
    for path in ("/api/v1/cancel/x", "/api/v1/retry/x", "/api/v1/cancel/%20"):
        assert (await runs.http.post(path)).status_code == 404
    assert (await runs.http.get("/api/v1/executions/x")).status_code == 404
    nobody = "00000000-0000-7000-8000-000000000000"
    assert (await runs.http.post(f"/api/v1/cancel/{nobody}")).status_code == 404


async def test_a_cancel_names_how_the_run_has_ended(runs: Runs) -> None:
    found = await runs.ran(saying("a", "x"))
    answer = await runs.http.post(f"/api/v1/cancel/{found['id']}")
    assert answer.status_code == 409
    assert answer.json()["error"] == "cannot cancel: it is completed"


async def test_people_decide_where_a_workflow_asks_them(runs: Runs) -> None:
    gate = "{name: ask, action: core.gate, params: {message: 'Pay {{ inputs.n }}?', timeout: 1h}}"
    id = await runs.start(
        gate,
        saying("paid", "yes", "depends_on: [ask]"),
        inputs="{n: {type: number}}",
        given={"n": 5},
    )
    await runs.until(id, lambda found: found["execution"]["waitingFor"] == "approval")
    answer = await runs.http.post(f"/v1/workflow-runs/{id}/steps/ask/approve", json={})
    assert answer.status_code == 200, answer.text
    found = await runs.end(id)
    assert (found["status"], found["steps"]["paid"]["status"]) == ("completed", "completed")


async def test_a_retry_under_a_key_makes_one_run(runs: Runs, service: Service) -> None:
    service.on("/a", reply(status=500))
    found = await runs.ran(calling(service, "a"))
    path, key = f"/api/v1/retry/{found['id']}", {"Idempotency-Key": "again"}
    answers = [await runs.http.post(path, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"
    cancel = f"/api/v1/cancel/{answers[0].json()['execution_id']}"
    first = await runs.http.post(cancel, headers=key)
    if first.status_code == 200:  # else the run had failed again already
        assert (await runs.http.post(cancel, headers=key)).json() == first.json()


async def test_a_rollback_restores_what_starts_the_workflow(runs: Runs) -> None:
    cron = "[{type: cron, schedule: '@daily'}]"
    await runs.apply(workflow(saying("a", "x"), triggers=cron))
    await runs.apply(workflow(saying("a", "x")))
    assert (await runs.http.get("/api/v1/triggers")).json() == []
    await runs.http.post("/api/v1/workflows/w/rollback", json={"version": 1})
    found: list[Json] = (await runs.http.get("/api/v1/triggers")).json()
    assert [each["config"]["cron"] for each in found] == ["@daily"]


async def test_an_input_is_what_was_given_and_never_converted(runs: Runs, service: Service) -> None:
    inputs = "{a: , n: {type: number}, b: {type: boolean}}"
    body = "{a: '{{ inputs.a }}', n: '{{ inputs.n }}', b: '{{ inputs.b }}'}"
    step = calling(service, "a", method="POST", body=body)
    given: Json = {"a": {"deep": [1, None]}, "n": 2.5, "b": False}
    await runs.ran(step, inputs=inputs, given=given)
    assert sent(service.calls("/a")[0]) == given
