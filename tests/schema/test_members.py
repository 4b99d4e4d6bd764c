"""Each member can be installed alone: it declares what it imports, and imports no other service."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MEMBERS = {
    "mainspring": "libs/common",
    "mainspring_cli": "libs/cli",
    "mainspring_plugins": "libs/plugins",
    "mainspring_api": "services/api",
    "mainspring_scheduler": "services/scheduler",
    "mainspring_executor": "services/executor",
    "mainspring_events": "services/events",
}
FOR_TESTS = {"pytest", "hypothesis", "httpx", "jsonschema"}


def _imports(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield file, node.module.split(".")[0]


def _declared(member: str) -> set[str]:
    whole: dict[str, Any] = tomllib.loads((ROOT / member / "pyproject.toml").read_text())
    project: dict[str, Any] = whole["project"]
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    needed: list[str] = project.get("dependencies", [])
    wanted = [*needed, *(one for extra in extras.values() for one in extra)]
    return {_plain(re.split(r"[^A-Za-z0-9._-]", one)[0]) for one in wanted}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(("package", "member"), MEMBERS.items())
def test_a_member_declares_what_it_imports(package: str, member: str) -> None:
    declared = _declared(member) | (
        _declared("libs/common") if package != "mainspring" else set[str]()
    )
    homes = packages_distributions()
    undeclared = {
        f"{file.relative_to(ROOT)}: {name}"
        for file, name in _imports(ROOT / member / package)
        if name not in sys.stdlib_module_names
        and name not in MEMBERS
        and not ("testing" in file.parts and name in FOR_TESTS)
        and not {_plain(home) for home in homes.get(name, [])} & declared
    }
    assert not undeclared


@pytest.mark.parametrize("package", [name for name in MEMBERS if name != "mainspring"])
def test_a_member_imports_no_other_service(package: str) -> None:
    others = set(MEMBERS) - {"mainspring", package}
    member = ROOT / MEMBERS[package] / package
    assert not {f"{file}: {name}" for file, name in _imports(member) if name in others}
