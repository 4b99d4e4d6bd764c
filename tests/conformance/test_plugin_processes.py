"""Tasks that start processes, by the front door: in images, with packages, shut off from the rest.

A platform of its own, which allows all of that.  Its container engine is the strict stand-in of the
unit tests, its packages come from a folder of wheels, and no index is asked.
"""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from tests.conformance.flows import Flows, outputs_of, task, tasks_of
from tests.unit.plugins.engine import install
from tests.unit.plugins.wheels import wheel

from mainspring.testing.stack import Platform, platform


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform where tasks may start what they like."""
    folder = tmp_path_factory.mktemp("processes")
    wheel(folder, "1.0", "def twice(n):\n    return n * 2\n")
    env = {
        "PATH": f"{install(folder)}{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "MAINSPRING_ALLOW_TASKS": "shell,python,container",
        "MAINSPRING_ALLOW_REQUIREMENTS": "1",
        "MAINSPRING_WORK_DIR": str(folder / "work"),
    }
    with platform(env=env) as whole:
        yield whole


@pytest.fixture
async def flows(stack: Platform, request: pytest.FixtureRequest) -> AsyncIterator[Flows]:
    headers = {"X-Project-Id": request.node.name[:100].replace("[", ".").rstrip("]")}
    async with httpx.AsyncClient(base_url=stack.api, headers=headers, timeout=30) as http:
        yield Flows(http)


async def ran(flows: Flows, kind: str, **properties: Any) -> Any:
    ended = await flows.ran(task("a", kind, properties=properties), name=kind.replace(".", "-"))
    assert ended["execution"]["status"] == "SUCCESS", tasks_of(ended)
    return outputs_of(ended, "a")


async def test_a_task_runs_in_the_image_that_it_names(flows: Flows) -> None:
    line = "cat; echo n=1 > $MAINSPRING_OUTPUTS"
    shell = await ran(flows, "script.shell", image="alpine:3.20", command=line, stdin="hello")
    assert (shell["stdout"], shell["outputs"]) == ("hello", {"n": "1"})
    script = {"image": "python:3.13", "script": "result = args", "args": {"n": 1}}
    assert (await ran(flows, "script.python", **script))["result"] == {"n": 1}


async def test_a_task_imports_the_packages_that_it_requires(flows: Flows) -> None:
    script = {"script": "import acme_sums\nresult = acme_sums.twice(3)"}
    found = await ran(flows, "script.python", requirements=["acme-sums"], **script)
    assert found["result"] == 6


async def test_no_task_reads_what_the_executor_was_told(flows: Flows, stack: Platform) -> None:
    (executor,) = stack.services["executor"]
    pid = executor.pid
    shell = task("a", "script.shell", properties={"command": f"cat /proc/{pid}/environ"})
    script = f"result = open('/proc/{pid}/environ', 'rb').read().hex()"
    python = task("b", "script.python", properties={"script": script})
    for each in (shell, python):
        ended = await flows.ran(each, name=each["name"])
        assert ended["execution"]["status"] == "FAILED"
        error = tasks_of(ended)[each["name"]]["error"]
        assert "Permission denied" in error


async def test_a_user_that_is_root_is_refused(flows: Flows) -> None:
    asked = {"command": "id", "user": "root"}
    ended = await flows.ran(task("a", "script.shell", properties=asked))
    assert "no task runs as root" in tasks_of(ended)["a"]["error"]
