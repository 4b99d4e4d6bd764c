"""What the examples of some manifests find around them, by the plugin's id."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from mainspring.testing.http import Reply
from mainspring.testing.plugins import TestContext


def _shop(context: TestContext, _: pytest.MonkeyPatch, __: Path) -> None:
    order = Reply(200, {"id": 7}, headers={"Content-Type": "application/json"})
    context.http.on("GET", "https://shop.example/orders/7", order)
    context.http.on("POST", "https://shop.example/orders", Reply(201, {"id": 8}))


def _docker(_: TestContext, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Put a `docker` on the path that runs nothing and prints what a container would."""
    tool = folder / "docker"
    tool.write_text("#!/bin/sh\necho hello\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


World = Callable[[TestContext, pytest.MonkeyPatch, Path], None]
WORLDS: Final[dict[str, World]] = {
    "http.request": _shop,
    "http/request": _shop,
    "container.run": _docker,
}
