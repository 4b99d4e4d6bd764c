"""Calls of a plugin as the executor makes them: input checked, run, output checked."""

import asyncio
from typing import Any, cast

from mainspring.domain.message import Json
from mainspring.plugin import PluginFailed, installed
from mainspring.testing.plugins import TestContext

REGISTRY = installed()


async def call(id: str, context: TestContext, **given: Json) -> dict[str, Any]:
    """Return the output; both sides hold the manifest's schemas."""
    return await call_with(id, context, given)


async def call_with(id: str, context: TestContext, given: dict[str, Json]) -> dict[str, Any]:
    plugin = REGISTRY.get(id)
    assert plugin is not None, f"{id} is not installed"
    assert plugin.run is not None, f"{id} is done by the engine"
    assert plugin.input_faults(given) == []
    output = await asyncio.wait_for(plugin.run(given, context), 30)
    assert plugin.output_faults(output) == []
    return output


async def refused(id: str, context: TestContext, **given: Json) -> PluginFailed:
    """Return how the plugin failed; the input holds its schema."""
    try:
        output = await call_with(id, context, given)
    except PluginFailed as failed:
        return failed
    raise AssertionError(f"{id} did not fail, it gave {output}")


def kept(failed: PluginFailed) -> dict[str, Any]:
    """Return the output that is kept of a failure."""
    output: Any = failed.output
    assert isinstance(output, dict)
    return cast("dict[str, Any]", output)


def faults(id: str, given: Json) -> list[str]:
    """Return what the manifest's schema says of an input."""
    plugin = REGISTRY.get(id)
    assert plugin is not None
    return plugin.input_faults(given)
