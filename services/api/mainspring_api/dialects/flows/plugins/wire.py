"""Plugins as they are answered."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from mainspring.plugin import Manifest


class FlowPlugin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a task of a type takes and gives; the schemas are JSON Schema 2020-12, and hold.

    `version` is that of the package that it comes with, `needs` what the deployment has to allow.
    """

    id: str
    name: str
    category: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    examples: list[dict[str, Any]]
    version: str
    needs: Literal["", "shell", "python", "container"]


class PluginCategory(msgspec.Struct, frozen=True, kw_only=True):
    """A category, and how many plugins are in it."""

    name: str
    count: int


def plugin(manifest: Manifest, version: str) -> FlowPlugin:
    """Return a manifest as it is answered."""
    return FlowPlugin(
        id=manifest.id,
        name=manifest.name,
        category=manifest.category,
        description=manifest.description,
        input_schema=_plain(manifest.input),
        output_schema=_plain(manifest.output),
        examples=[_plain(each) for each in manifest.examples],
        version=version,
        needs=manifest.needs,
    )


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    return dict(schema)
