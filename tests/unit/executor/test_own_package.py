"""A package of somebody else's, built and installed from the page that tells how, and called."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from mainspring.domain.definition import Plugin as Call
from mainspring.domain.message import Json
from mainspring.domain.task import CallId, Finished, Task
from mainspring.plugin import Registry
from mainspring.plugin.registry import GROUP
from mainspring.store.memory_caches import MemoryBlobs
from mainspring.testing.http import ScriptedHttp
from mainspring.testing.plugins import CountedChance, StillClock
from mainspring_executor.calls import PluginCall
from mainspring_executor.shop import Workshop

PAGE = Path(__file__).parents[3] / "docs" / "plugins.md"
RUN = "0190f2d4-8b1e-7c3a-9d2e-5f6a7b8c9d0e"


def shown(language: str) -> str:
    """Return the page's file of a language: the one after its heading."""
    page = PAGE.read_text().partition("## A plugin of your own")[2]
    (text,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the wheel of the page's package."""
    source = tmp_path_factory.mktemp("source")
    package = source / "acme_plugins"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "greet.py").write_text(shown("python"))
    (source / "pyproject.toml").write_text(shown("toml"))
    target = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    more = ("--no-build-isolation", "--disable-pip-version-check", "--root-user-action", "ignore")
    subprocess.run((*pip, *more, "--target", target, source), check=True)
    return target


@pytest.fixture
def plugins(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry of a process that has the package on its path."""
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    yield Registry({each.name: each.value for each in entry_points(group=GROUP)})
    for name in [name for name in sys.modules if name.startswith("acme_plugins")]:
        del sys.modules[name]


async def called(plugins: Registry, **given: Json) -> Finished:
    clock = StillClock()
    shop = Workshop(ScriptedHttp(clock), MemoryBlobs(), clock, CountedChance(), plugins=plugins)
    call = Call("acme.greet", given)
    fields: dict[str, Any] = {"deadline": clock.now() + 60, "timeout": 30.0, "project": "shop"}
    id = CallId(RUN, "work")
    task = Task(call=id, plugin=call, idempotency_key="k", traceparent="", **fields)
    return await asyncio.wait_for(PluginCall(task, call, shop).run(), 30)


async def test_the_package_of_the_page_is_installed_found_and_called(plugins: Registry) -> None:
    assert "acme.greet" in plugins
    report = await called(plugins, who="you")
    assert report.exchange.body == {"text": "Hello, you"}
    assert [line.message for line in report.logs] == ["greeting you"]


async def test_what_it_refuses_is_told_as_it_says_it(plugins: Registry) -> None:
    report = await called(plugins, who="nobody")
    assert (report.exchange.error, report.exchange.final) == ("there is nobody to greet", True)
    unfit = await called(plugins, who="", extra=1)
    assert "who" in str(unfit.exchange.error)
    assert "extra" in str(unfit.exchange.error)


async def test_its_example_is_what_comes_out(plugins: Registry) -> None:
    found = plugins.get("acme.greet")
    assert found is not None
    (example,) = found.manifest.examples
    report = await called(plugins, **example["input"])
    assert report.exchange.body == example["output"]
