"""No input that holds its schema makes a plugin fail in any way but its own."""

import asyncio
from collections.abc import Iterator

import pytest

from mainspring.domain.message import Json
from mainspring.plugin import Plugin, PluginFailed
from mainspring.testing.plugin_calls import REGISTRY
from mainspring.testing.plugins import TestContext

OUTSIDE = ("script.shell", "script.python", "container.run")
"""Those that start processes are tried by their own tests."""


def nested(depth: int) -> Json:
    found: Json = []
    for _ in range(depth):
        found = [found, {"a": found}] if depth < 4 else [found]
    return found


ODD: list[Json] = [
    *(None, True, 0, -1, 0.5, 2.0, 2**63, -(2**70), 1e308),
    *("", "\0", "x" * 5000, "[", "{{", "%", "/", "a.b", "0", "\\", "🙂"),
    *([], [[]], [None], ["", ""], [1, "a"], [{}], nested(3), nested(150)),
    *({}, {"": ""}, {"a": None}, {"a": [1]}),
]


def plugins() -> list[str]:
    found = {id: REGISTRY.get(id) for id in REGISTRY.ids if id not in OUTSIDE}
    return [id for id, plugin in found.items() if plugin is not None and plugin.run is not None]


def odd_inputs(plugin: Plugin) -> Iterator[dict[str, Json]]:
    """Give each example with one property made odd, as far as the schema takes it."""
    for example in plugin.manifest.examples:
        for name in plugin.manifest.input["properties"]:
            for odd in ODD:
                given = {**example["input"], name: odd}
                if plugin.input_faults(given) == []:
                    yield given


@pytest.mark.parametrize("id", plugins())
async def test_odd_input_gives_an_output_or_a_plain_failure(id: str) -> None:
    plugin = REGISTRY.get(id)
    assert plugin is not None
    assert plugin.run is not None
    for given in odd_inputs(plugin):
        try:
            output = await asyncio.wait_for(plugin.run(given, TestContext()), 30)
        except PluginFailed:
            continue
        except Exception as error:
            error.add_note(f"for the input {ascii(given)[:500]}")
            raise
        assert plugin.output_faults(output) == [], ascii(given)[:500]
