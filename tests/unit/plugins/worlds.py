"""What the examples of some manifests find around them, by the plugin's id."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from tests.unit.plugins.engine import put_on_path

from mainspring.testing.http import Reply
from mainspring.testing.plugins import TestContext


def _shop(context: TestContext, _: pytest.MonkeyPatch, __: Path) -> None:
    order = Reply(200, {"id": 7}, headers={"Content-Type": "application/json"})
    context.http.on("GET", "https://shop.example/orders/7", order)
    context.http.on("POST", "https://shop.example/orders", Reply(201, {"id": 8}))


def _docker(_: TestContext, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    put_on_path(folder, monkeypatch)


World = Callable[[TestContext, pytest.MonkeyPatch, Path], None]
WORLDS: Final[dict[str, World]] = {
    "http.request": _shop,
    "http/request": _shop,
    "container.run": _docker,
}
