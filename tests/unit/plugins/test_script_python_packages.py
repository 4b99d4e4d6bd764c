"""`script.python` with requirements: packages from where the operator says, once for each set."""

import asyncio
import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from tests.unit.plugins.wheels import wheel

from mainspring.testing.plugin_calls import done, failure, unfit
from mainspring.testing.plugins import TestContext
from mainspring_plugins.processes import requirements as sets
from mainspring_plugins.processes.requirements import home_of, key_of, normal

ID = "script.python"
IMPORTS = "import acme_sums\nresult = acme_sums.twice(args['n'])"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two wheels of one package, the only place where pip looks."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "wheels"
    folder.mkdir()
    for version, factor in (("1.0", 2), ("2.0", 20)):
        wheel(folder, version, f"def twice(n):\n    return n * {factor}\n")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def context(tmp_path: Path) -> TestContext:
    made = TestContext(allowed=frozenset(("python", "requirements")))
    made.work_dir = str(tmp_path / "work")
    return made


def kept_sets(context: TestContext) -> list[str]:
    return os.listdir(Path(context.work_dir) / "packages")


async def test_script_imports_what_it_requires_in_the_version_that_it_names(
    context: TestContext, wheels: Path
) -> None:
    for wanted, result in (("acme-sums==1.0", 6), ("acme-sums >= 1, < 3", 60)):
        output = await done(ID, context, script=IMPORTS, args={"n": 3}, requirements=[wanted])
        assert output["result"] == result


async def test_set_is_made_once_whatever_its_order(context: TestContext, wheels: Path) -> None:
    given = {"script": IMPORTS, "args": {"n": 1}}
    first = ["acme-sums==2.0", "acme-sums>1"]
    both = (done(ID, context, requirements=each, **given) for each in (first, first[::-1]))
    assert [each["result"] for each in await asyncio.gather(*both)] == [20, 20]
    (name,) = kept_sets(context)
    assert name == key_of(context.project, normal(first))
    for wheel_name in os.listdir(wheels):
        os.unlink(wheels / wheel_name)
    again = await done(ID, context, requirements=["acme-sums>1", "acme-sums == 2.0"], **given)
    assert again["result"] == 20


async def test_deployment_that_does_not_say_so_allows_no_requirements(
    context: TestContext, wheels: Path
) -> None:
    context.allowed = frozenset(("python",))
    failed = await failure(ID, context, script=IMPORTS, requirements=["acme-sums"])
    assert (failed.final, failed.fault) == (True, "refused")
    assert "MAINSPRING_ALLOW_REQUIREMENTS" in str(failed)
    assert "work" not in os.listdir(wheels.parent)


async def test_what_cannot_be_had_fails_with_the_words_of_pip_and_leaves_nothing(
    context: TestContext, wheels: Path
) -> None:
    failed = await failure(ID, context, script=IMPORTS, requirements=["acme-sums==3.0"])
    assert "No matching distribution found for acme-sums==3.0" in str(failed)
    assert not failed.final, "it may be there later"
    assert kept_sets(context) == []


async def test_package_that_would_have_to_be_built_is_not_taken(
    context: TestContext, wheels: Path
) -> None:
    (wheels / "acme_other-1.0.tar.gz").write_bytes(b"")
    failed = await failure(ID, context, script="pass", requirements=["acme-other"])
    assert "No matching distribution" in str(failed)


@pytest.mark.parametrize(
    "word",
    [
        "--index-url=http://evil.test",
        "-r/etc/passwd",
        "acme @ file:///etc/passwd",
        "http://evil.test/a.whl",
        "./here",
        "git+https://evil.test/a",
        "a; print()",
        " ",
    ],
)
async def test_only_packages_with_versions_are_named(
    context: TestContext, wheels: Path, word: str
) -> None:
    failed = await failure(ID, context, script="pass", requirements=["acme-sums", word])
    assert failed.final
    assert str(failed).startswith("requirements.1: is no package")


async def test_size_of_a_set_is_bounded(
    context: TestContext, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "MOST_BYTES", 10)
    failed = await failure(ID, context, script="pass", requirements=["acme-sums"])
    assert (failed.final, failed.fault) == (True, "too_large")
    assert kept_sets(context) == []


async def test_time_of_fetching_is_that_of_the_task(context: TestContext, wheels: Path) -> None:
    given = {"script": "pass", "requirements": ["acme-sums"], "timeout": 0.05}
    failed = await failure(ID, context, **given)
    assert failed.fault == "timeout"
    assert kept_sets(context) == []


async def test_sets_that_nobody_has_used_for_long_make_room(
    context: TestContext, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "MOST_KEPT", 2)
    home = home_of(context.work_dir)
    for name, age in (("old", 3.0), ("older", 4.0), ("new", 0.1)):
        (home / name).mkdir()
        at = context.clock.now() - age * sets.UNUSED_S
        os.utime(home / name, (at, at))
    await done(ID, context, script="pass", requirements=["acme-sums"])
    assert "new" in kept_sets(context)
    assert not {"old", "older"} & set(kept_sets(context))


async def test_folder_that_others_may_change_is_not_used(
    context: TestContext, wheels: Path
) -> None:
    home = home_of(context.work_dir)
    home.chmod(stat.S_IRWXU | stat.S_IWOTH)
    failed = await failure(ID, context, script="pass", requirements=["acme-sums"])
    assert failed.final
    assert "is not the executor's alone" in str(failed)


async def test_script_sees_none_of_pips_variables(context: TestContext, wheels: Path) -> None:
    script = "import os\nresult = [name for name in os.environ if name.startswith('PIP_')]"
    output = await done(ID, context, script=script, requirements=["acme-sums"])
    assert output["result"] == []


def test_set_of_another_project_or_another_python_is_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = key_of("p", ["a"])
    assert key_of("q", ["a"]) != before
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert key_of("p", ["a"]) != before


def test_schema_bounds_what_may_be_named() -> None:
    assert unfit(ID, {"script": "a", "requirements": ["a"] * 51})[0].startswith("requirements")
    assert unfit(ID, {"script": "a", "requirements": [""]})[0].startswith("requirements.0")
