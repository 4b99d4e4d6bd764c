"""`script.python`: arguments in, a result out, nothing else around."""

import ast
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.plugins.engine import put_on_path

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, failure, kept
from mainspring.testing.plugins import TestContext
from mainspring_plugins.processes import python_driver

ID = "script.python"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tasks' folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_deployment_that_does_not_allow_it_refuses_for_good() -> None:
    failed = await failure(ID, TestContext(allowed=frozenset(("shell",))), script="result = 1")
    assert (failed.final, failed.fault) == (True, "refused")


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("result = args['n'] + 1", 3),
        ("print('[1, 2]')", [1, 2]),
        ("print('{}')\nresult = None", None),
        ("print('no json')", None),
        ("", None),
        ("result = 'é'\nimport sys\nsys.exit(0)", "é"),
    ],
)
async def test_result_is_what_is_assigned_else_the_last_line_of_json(
    context: TestContext, script: str, result: Json, folders: Path
) -> None:
    output = await done(ID, context, script=script + "\n", args={"n": 2})
    assert output["result"] == result
    assert os.listdir(folders) == []


async def test_failure_tells_its_last_line_and_keeps_what_was_written(
    context: TestContext,
) -> None:
    failed = await failure(ID, context, script="print('so far')\n1 / 0")
    assert str(failed) == "it ended with exit code 1: ZeroDivisionError: division by zero"
    assert kept(failed)["stdout"] == "so far\n"
    assert 'File "script", line 2' in kept(failed)["stderr"]


@pytest.mark.parametrize("script", ["result = {1}", "result = float('nan')", "x = ("])
async def test_script_or_result_that_is_none_fails(context: TestContext, script: str) -> None:
    failed = await failure(ID, context, script=script)
    assert "exit code 1: " in str(failed)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(value=JSONS)
def test_simple_results_are_written_as_json_writes_them(value: Json) -> None:
    text = python_driver.simple(value)
    assert text is None or (json.loads(text), text) == (value, compact(json.loads(text)))


def compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, (1,), {1}, [[1]], "\n", "é"])
def test_what_is_not_simple_is_left_to_json(value: Json) -> None:
    assert python_driver.simple(value) is None


@pytest.mark.parametrize("result", ["{1: 2}", "(1, 2)", "[[1], {'a': {'b': 'é'}}]", "'a\\n'"])
async def test_result_that_is_not_simple_is_what_json_makes_of_it(
    context: TestContext, result: str
) -> None:
    output = await done(ID, context, script=f"result = {result}")
    assert output["result"] == json.loads(json.dumps(ast.literal_eval(result)))


async def test_arguments_arrive_as_they_were_given(context: TestContext) -> None:
    args: Json = {"a": [1, 2.5, None, True, "é🙂"], "": {"b": []}, "n": 2**63}
    assert (await done(ID, context, script="result = args", args=args))["result"] == args


async def test_driver_imports_little(context: TestContext) -> None:
    script = (
        "import sys\nresult = [each for each in ('json', 're', 'typing') if each in sys.modules]"
    )
    assert (await done(ID, context, script=script, args={"a": 1}))["result"] == []


async def test_script_finds_no_package_of_the_service(context: TestContext) -> None:
    failed = await failure(ID, context, script="import msgspec")
    assert "No module named 'msgspec'" in str(failed)


async def test_memory_is_bounded(context: TestContext) -> None:
    context.memory_mb = 200
    failed = await failure(ID, context, script="x = bytearray(400 << 20)")
    assert "MemoryError" in str(failed)


async def test_result_is_bounded(context: TestContext) -> None:
    context.max_output = 100
    failed = await failure(ID, context, script="result = 'x' * 1000")
    assert (failed.fault, failed.final) == ("too_large", True)


async def test_time_is_bounded(context: TestContext) -> None:
    failed = await failure(ID, context, script="while True: pass", timeout="0.5s")
    assert failed.fault == "timeout"


# In a container of an image.


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A strict engine that runs here what a container would run."""
    folder = tmp_path / "engine"
    folder.mkdir()
    return put_on_path(folder, monkeypatch)


async def test_with_an_image_its_python_runs_the_script_without_network(
    context: TestContext, engine: Path
) -> None:
    args: Json = {"a": [1, 2.5, None, True, "é🙂"], "n": 2**70 >> 7}
    script = "import os\nprint(os.environ['N'])\nresult = {'args': args}"
    output = await done(ID, context, script=script, args=args, env={"N": 7}, image="python:3.13")
    assert (output["result"], output["stdout"]) == ({"args": args}, "7\n")
    told = (engine / "told").read_text()
    assert "--network none" in told
    assert "--entrypoint python3 python:3.13 -I /mainspring/driver /mainspring/script" in told


async def test_script_that_fails_in_a_container_is_told_as_elsewhere(
    context: TestContext, engine: Path, folders: Path
) -> None:
    failed = await failure(ID, context, script="1 / 0", image="python:3.13")
    assert str(failed) == "it ended with exit code 1: ZeroDivisionError: division by zero"
    assert os.listdir(folders) == ["engine"]


async def test_an_image_needs_containers_to_be_allowed_and_brings_its_own_packages(
    context: TestContext, engine: Path
) -> None:
    both = await failure(ID, context, script="pass", image="python:3.13", requirements=["attrs"])
    assert str(both) == "requirements: are not for an image: name one that has them"
    context.allowed = frozenset(("python",))
    failed = await failure(ID, context, script="pass", image="python:3.13")
    assert (failed.final, failed.fault) == (True, "refused")
    assert "does not allow container tasks" in str(failed)
