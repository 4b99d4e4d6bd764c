"""What starts a workflow of YAML by itself, as its newest version says."""

import hmac

import httpx
import pytest
from tests.conformance.runs import Json, Runs, saying, workflow

CRON = "{type: cron, schedule: '0 5 * * MON', timezone: Europe/Berlin}"
HOOK = "{type: webhook, path: /hooks/orders, secret: s3cret}"
OPEN = "{type: webhook, path: /hooks/open}"


@pytest.fixture
def runs(http: httpx.AsyncClient) -> Runs:
    return Runs(http)


def triggered(*triggers: str, name: str = "w", step: str = "") -> str:
    step = step or saying("a", "{{ trigger.type }}")
    return workflow(step, name=name, triggers=f"[{', '.join(triggers)}]")


async def declared(runs: Runs) -> list[Json]:
    """Return the triggers of the project, by their types and what they say."""
    found = (await runs.http.get("/api/v1/triggers")).json()
    return sorted(found, key=lambda each: (each["type"], str(each["config"])))


async def test_triggers_are_made_to_be_what_the_newest_version_says(runs: Runs) -> None:
    await runs.apply(triggered(CRON, HOOK))
    cron, hook = await declared(runs)
    assert (cron["type"], cron["origin"]) == ("schedule", "definition")
    assert (cron["config"]["cron"], cron["config"]["timezone"]) == ("0 5 * * MON", "Europe/Berlin")
    assert hook["config"]["path"].endswith("orders")
    assert "s3cret" not in str(hook)
    await runs.apply(triggered(CRON, OPEN))
    again, opened = await declared(runs)
    assert again["id"] == cron["id"]
    assert opened["config"]["path"].endswith("open")
    await runs.http.post("/api/v1/workflows/w/rollback", json={"version": 1})
    assert [each["id"] for each in await declared(runs)] == [cron["id"], hook["id"]]
    await runs.apply(workflow(saying("a", "none")))
    assert await declared(runs) == []
    await runs.apply(triggered(CRON))
    await runs.http.delete("/api/v1/workflows/w")
    assert await declared(runs) == []


async def test_a_webhook_starts_a_run_that_reads_what_was_posted(runs: Runs) -> None:
    said = "{{ trigger.payload.order }} {{ trigger.headers['x-shop'] }} {{ trigger.path }}"
    await runs.apply(triggered(OPEN, step=saying("a", said)))
    answer = await runs.http.post("/hooks/open", json={"order": 7}, headers={"X-Shop": "b"})
    assert answer.status_code == 202
    begun = answer.json()
    assert (begun["workflow"], begun["version"]) == ("w", 1)
    found = await runs.end(begun["execution_id"])
    assert found["steps"]["a"]["output"]["message"] == "7 b /hooks/open"
    answer = await runs.http.post("/hooks/open", content=b"plain")
    plain = await runs.end(answer.json()["execution_id"])
    assert plain["status"] == "failed"
    assert "order" in plain["error"]


async def test_an_expression_may_ask_what_triggered_its_run(runs: Runs) -> None:
    asks = saying("a", "{{ has(trigger.payload) ? 'posted' : trigger.type }}")
    await runs.apply(triggered(OPEN, step=asks))
    parent = "{name: p, action: workflow/run, params: {workflow: w}}"
    await runs.apply(workflow(parent, name="parent"), "parent")
    posted = (await runs.http.post("/hooks/open")).json()["execution_id"]
    found = [await runs.end(id) for id in (posted, await runs.begin())]
    said = [each["steps"]["a"]["output"]["message"] for each in found]
    outer = await runs.end(await runs.begin("parent"))
    said.append(outer["steps"]["p"]["output"]["steps"]["a"]["message"])
    assert said == ["posted", "api", "workflow"]


async def test_a_signed_delivery_that_comes_again_starts_no_second_run(runs: Runs) -> None:
    await runs.apply(triggered(HOOK))
    body = b'{"n":1}'
    signature = "sha256=" + hmac.digest(b"s3cret", body, "sha256").hex()
    for header in ("X-Hub-Signature-256", "X-Signature-256"):
        signed = {header: signature, "Content-Type": "application/json"}
        answer = await runs.http.post("/hooks/orders", content=body, headers=signed)
        assert answer.status_code == 202
    assert len(await runs.some_of("w")) == 1
    for wrong in ({}, {"X-Signature-256": signature[:-1] + "x"}):
        answer = await runs.http.post("/hooks/orders", content=body, headers=wrong)
        assert answer.status_code in (401, 403)
    assert len(await runs.all_of("w")) == 1


async def test_the_path_of_a_webhook_belongs_to_one_workflow(runs: Runs) -> None:
    await runs.apply(triggered(OPEN, name="v"), "v")
    answer = await runs.put(triggered(CRON, OPEN))
    assert answer.status_code == 400
    (fault,) = answer.json()["details"]
    assert (fault["line"], fault["path"]) == (2, "triggers[1].path")
    assert fault["message"] == "/hooks/open is the path of another workflow"
    assert (await runs.http.get("/api/v1/workflows/w")).status_code == 404
    await runs.http.delete("/api/v1/workflows/v")
    assert (await runs.put(triggered(CRON, OPEN))).status_code == 201


async def test_a_schedule_begins_a_run_with_its_inputs(runs: Runs) -> None:
    every = "{type: cron, schedule: '* * * * *', inputs: {n: 3}}"
    step = saying("a", "{{ trigger.type }} {{ inputs.n }}")
    text = workflow(step, triggers=f"[{every}]", inputs="{n: {type: number}}")
    await runs.apply(text)
    (cron,) = await declared(runs)
    assert (cron["inputs"], cron["enabled"]) == ({"n": 3}, True)
    path = f"/api/v1/triggers/{cron['id']}/backfill"
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:30Z"}
    answer = await runs.http.post(path, json=span)
    assert answer.status_code in (200, 202), answer.text
    begun = (await runs.some_of("w"))[-1]
    found = await runs.end(begun["id"])
    assert found["steps"]["a"]["output"]["message"] == "cron 3"
    assert found["trigger"]["scheduled_at"] == "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("'{{ env.NOBODY_SETS_THIS }}'", "MAINSPRING_ENV_NOBODY_SETS_THIS is not set on this"),
        ("'{{ inputs.x }}'", "is written out, or is one variable: {{ env.NAME }}"),
        ("''", "does not match"),
    ],
)
async def test_a_secret_is_written_out_or_is_the_servers(
    runs: Runs, secret: str, message: str
) -> None:
    answer = await runs.put(triggered(f"{{type: webhook, path: x, secret: {secret}}}"))
    assert answer.status_code == 400
    (fault,) = answer.json()["details"]
    assert fault["path"] == "triggers[0].secret"
    assert fault["message"].startswith(message)


async def test_the_log_shows_no_secret_of_a_text_or_a_webhook(runs: Runs) -> None:
    step = (
        "{name: a, action: http/request, params: {url: 'http://a.example/b?token=deeply-hidden', "
        "headers: {Authorization: Bearer deeply-hidden}}}"
    )
    hook = "[{type: webhook, path: x, secret: deeply-hidden}]"
    await runs.apply(workflow(step, triggers=hook))
    await runs.apply(workflow(saying("a", "later"), name="last"), "last")
    seen: list[str] = []
    async with runs.http.stream("GET", "/v1/log/stream", params={"after": 0}) as stream:
        async for line in stream.aiter_lines():
            seen.append(line)
            if line.startswith("data:") and '"last"' in line:
                break
    told = "\n".join(seen)
    assert "StarterSet" in told
    assert "DefinitionStored" in told
    assert "deeply-hidden" not in told
