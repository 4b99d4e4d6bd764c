"""Calls of installed plugins as the executor makes them: checked before, and checked after."""

import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import Plugin, PluginFailed, installed
from mainspring.testing.plugins import TestContext

_INSTALLED = installed()


def plugin(id: str) -> Plugin:
    """Return an installed plugin."""
    found = _INSTALLED.get(id)
    assert found is not None, f"{id} is not installed"
    return found


def unfit(id: str, given: Json) -> list[str]:
    """Return what the plugin's own schema says against an input."""
    return plugin(id).input_faults(given)


async def done(id: str, context: TestContext | None = None, /, **given: Json) -> Json:
    """Return the output; fail where the input or the output breaks the manifest."""
    found = plugin(id)
    assert found.run is not None
    assert found.input_faults(given) == []
    output = await found.run(given, context or TestContext())
    assert found.output_faults(output) == []
    msgspec.json.encode(output)
    return output


async def refused(id: str, context: TestContext | None = None, /, **given: Json) -> str:
    """Return the message with which the plugin fails, for good; fail where it does not."""
    failure: PluginFailed | None = None
    try:
        output = await done(id, context, **given)
    except PluginFailed as error:
        failure, output = error, None
    assert failure is not None, f"{id} gave {output!r}"
    assert failure.final, "trying the same input again cannot help"
    return str(failure)
