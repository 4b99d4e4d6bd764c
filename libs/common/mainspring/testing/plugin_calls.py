"""Calls of installed plugins as the executor makes them: checked before, and checked after."""

import asyncio
from typing import Any, Final, cast

import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import Plugin, PluginFailed, installed
from mainspring.testing.plugins import TestContext

REGISTRY: Final = installed()
_PATIENCE_S: Final = 30


def plugin(id: str) -> Plugin:
    """Return an installed plugin."""
    found = REGISTRY.get(id)
    assert found is not None, f"{id} is not installed"
    return found


def unfit(id: str, given: Json) -> list[str]:
    """Return what the plugin's own schema says against an input."""
    return plugin(id).input_faults(given)


async def done(id: str, context: TestContext | None = None, /, **given: Json) -> dict[str, Any]:
    """Return the output; fail where the input or the output breaks the manifest."""
    found = plugin(id)
    assert found.run is not None, f"{id} is done by the engine"
    assert found.input_faults(given) == []
    output = await asyncio.wait_for(found.run(given, context or TestContext()), _PATIENCE_S)
    assert found.output_faults(output) == []
    msgspec.json.encode(output)
    return output


async def failure(id: str, context: TestContext | None = None, /, **given: Json) -> PluginFailed:
    """Return how the plugin failed over an input that fits; fail where it did not."""
    try:
        output = await done(id, context, **given)
    except PluginFailed as failed:
        return failed
    raise AssertionError(f"{id} did not fail, it gave {output!r}")


async def refused(id: str, context: TestContext | None = None, /, **given: Json) -> str:
    """Return the message with which the plugin fails, for good; fail where it does not."""
    failed = await failure(id, context, **given)
    assert failed.final, "trying the same input again cannot help"
    return str(failed)


def kept(failed: PluginFailed) -> dict[str, Any]:
    """Return the output that is kept of a failure."""
    output: Any = failed.output
    assert isinstance(output, dict)
    return cast("dict[str, Any]", output)
