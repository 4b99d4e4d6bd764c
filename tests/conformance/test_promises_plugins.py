"""Plugins by the front door: a stranger's package is found, and nothing reaches what is closed.

A platform of its own: private egress is closed on it, no task may start a process, and a package
that nobody has declared lies in a folder of its path, as if it had been installed there.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
from tests.conformance.client import Service
from tests.conformance.flows import Flows, outputs_of, task, tasks_of, text, values
from tests.conformance.runs import Runs

from mainspring.testing.stack import Platform, platform

GREET = '''
    """Greets somebody."""

    from mainspring.plugin import Manifest

    MANIFEST = Manifest(
        id="acme.greet",
        name="Greet",
        category="Utility",
        description="Greets somebody by name.",
        input={
            "type": "object",
            "properties": {"who": {"type": "string", "minLength": 1}, "wrong": {"type": "boolean"}},
            "required": ["who"],
            "additionalProperties": False,
        },
        output={
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
            "additionalProperties": False,
        },
        examples=({"input": {"who": "you"}, "output": {"text": "Hello, you"}},),
    )


    async def run(given, context):
        context.log("greeting " + given["who"])
        return {"text": 1} if given.get("wrong") else {"text": "Hello, " + given["who"]}
'''
METADATA = "Metadata-Version: 2.1\nName: acme-plugins\nVersion: 1.0\n"
ENTRY = "[mainspring.plugins]\nacme.greet = acme_plugins.greet\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package that has an entry point, as an installer leaves it."""
    folder = tmp_path_factory.mktemp("site")
    package, told = folder / "acme_plugins", folder / "acme_plugins-1.0.dist-info"
    package.mkdir()
    told.mkdir()
    (package / "__init__.py").write_text("")
    (package / "greet.py").write_text(dedent(GREET))
    (told / "METADATA").write_text(METADATA)
    (told / "entry_points.txt").write_text(ENTRY)
    return folder


@pytest.fixture(scope="module")
def closed(installed: Path) -> Iterator[Platform]:
    """A platform whose private egress is closed and that starts no processes for tasks."""
    env = {
        "PYTHONPATH": str(installed),
        "MAINSPRING_ALLOW_PRIVATE_EGRESS": "0",
        "MAINSPRING_ALLOW_TASKS": "",
    }
    with platform(env=env) as whole:
        yield whole


@pytest.fixture
async def flows(closed: Platform, request: pytest.FixtureRequest) -> AsyncIterator[Flows]:
    headers = {"X-Project-Id": request.node.name[:100].replace("[", ".").rstrip("]")}
    async with httpx.AsyncClient(base_url=closed.api, headers=headers, timeout=30) as http:
        yield Flows(http)


async def stored(flows: Flows, *tasks: Any, name: str = "f", **given: Any) -> Any:
    """Store a flow of these tasks whose inputs are those that are given, and run it to its end."""
    declared = {key: {"type": "any"} for key in given}
    made = await flows.store(text(*tasks, name=name, inputs=declared))
    return await flows.end(await flows.execute(made["id"], given))


async def test_a_plugin_of_another_package_is_listed_checked_and_run(flows: Flows) -> None:
    found = (await flows.http.get("/api/v1/plugins/acme.greet")).json()
    assert (found["name"], found["category"]) == ("Greet", "Utility")
    assert found["inputSchema"]["required"] == ["who"]
    ended = await stored(flows, task("a", "acme.greet", properties={"who": "you"}))
    assert ended["execution"]["status"] == "SUCCESS", ended
    assert outputs_of(ended, "a") == {"text": "Hello, you"}
    (line,) = (await flows.http.get(f"/api/v1/executions/{ended['id']}/logs")).json()
    assert line["message"] == "greeting you"
    run = await Runs(flows.http).ran("{name: a, action: acme.greet, params: {who: me}}")
    assert run["steps"]["a"]["output"] == {"text": "Hello, me"}


async def test_what_is_given_to_a_plugin_is_checked_before_and_what_it_gives_after(
    flows: Flows,
) -> None:
    literal = text(task("a", "acme.greet", properties={"who": "", "extra": 1}))
    told = await flows.faults(literal)
    assert [each.partition(":")[0] for each in told] == [
        "tasks[0].properties.who",
        "tasks[0].properties.extra",
    ]
    rendered = task("a", "acme.greet", properties={"who": "{{ inputs.n }}"})
    before = await stored(flows, rendered, name="before", n=7)
    assert before["execution"]["status"] == "FAILED"
    assert "who" in tasks_of(before)["a"]["error"]
    assert (await flows.http.get(f"/api/v1/executions/{before['id']}/logs")).json() == []
    after = await stored(
        flows, task("a", "acme.greet", properties={"who": "you", "wrong": True}), name="after"
    )
    assert after["execution"]["status"] == "FAILED"
    assert "text" in tasks_of(after)["a"]["error"]
    assert tasks_of(after)["a"]["outputs"] is None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"]
)
async def test_a_plugin_reaches_no_private_address_unless_that_is_open(
    flows: Flows, service: Service, host: str
) -> None:
    port = httpx.URL(service.url).port
    url = f"http://{host}:{port}/{service.url.rpartition('/')[2]}/secret"
    ended = await stored(flows, task("a", "http.request", properties={"url": url}))
    assert ended["execution"]["status"] == "FAILED", ended
    assert "has an address that calls may not go to" in tasks_of(ended)["a"]["error"]
    assert tasks_of(ended)["a"]["attempt"] == 1
    step = f"{{name: a, action: http/request, params: {{url: '{url}'}}}}"
    run = await Runs(flows.http).ran(step)
    assert run["status"] == "failed"
    assert not service.order()


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("script.shell", {"command": "true"}),
        ("script.python", {"script": "pass"}),
        ("container.run", {"image": "alpine"}),
    ],
)
async def test_no_task_starts_a_process_where_that_is_not_allowed(
    flows: Flows, kind: str, properties: Any
) -> None:
    ended = await stored(flows, task("a", kind, properties=properties))
    assert ended["execution"]["status"] == "FAILED", ended
    assert "MAINSPRING_ALLOW_TASKS" in tasks_of(ended)["a"]["error"]


async def test_a_shell_where_it_is_allowed_sees_nothing_of_the_services_environment(
    http: httpx.AsyncClient,
) -> None:
    flows = Flows(http)
    ended = await flows.ran(task("a", "script.shell", properties={"command": "env"}))
    lines = outputs_of(ended, "a")["stdout"].splitlines()
    names = {line.partition("=")[0] for line in lines}
    told = {"HOME", "PATH", "LANG", "PWD", "TMPDIR", "MAINSPRING_OUTPUTS"}
    assert names - {"_", "SHLVL", "OLDPWD"} <= told


async def test_values_outlive_executions_and_restarts_and_stay_in_their_namespace(
    flows: Flows, closed: Platform
) -> None:
    namespace = flows.http.headers["X-Project-Id"]
    keep = task("keep", "util.kv", properties={"op": "set", "key": "last", "value": {"n": 1}})
    assert (await stored(flows, keep))["execution"]["status"] == "SUCCESS"
    path = f"/api/v1/kv/{namespace}"
    answer = await flows.http.put(
        f"/api/v1/kv/{namespace}-other/elsewhere",
        json=1,
        headers={"X-Project-Id": f"{namespace}-other"},
    )
    assert answer.status_code == 201, answer.text
    for process in closed.processes:
        process.kill()
    for process in closed.processes:
        process.start()
    for process in closed.processes:
        await asyncio.to_thread(process.wait_ready)
    assert (await flows.http.get(f"{path}/last")).json()["value"] == {"n": 1}
    assert [each["key"] for each in (await flows.http.get(path)).json()] == ["last"]
    read = await stored(flows, values("b", n='{{ kv("last").n }}'), name="reader")
    assert outputs_of(read, "b") == {"n": 1}
