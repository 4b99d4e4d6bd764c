"""Plugins as they are answered."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mainspring.plugin import Manifest


class FlowPlugin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a task of a type takes and gives; the schemas are JSON Schema 2020-12, and hold."""

    id: str
    name: str
    category: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    examples: list[dict[str, Any]]


class PluginCategory(msgspec.Struct, frozen=True, kw_only=True):
    """A category, and how many plugins are in it."""

    name: str
    count: int


def plugin(manifest: Manifest) -> FlowPlugin:
    """Return a manifest as it is answered."""
    return FlowPlugin(
        id=manifest.id,
        name=manifest.name,
        category=manifest.category,
        description=manifest.description,
        input_schema=_plain(manifest.input),
        output_schema=_plain(manifest.output),
        examples=[_plain(each) for each in manifest.examples],
    )


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    return dict(schema)
