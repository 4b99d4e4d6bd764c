"""Every operation on plugins."""

from typing import Final

from mainspring.http.contracts.plain import INVALID, UNKNOWN
from mainspring.http.operations import Operation, Query
from mainspring_api.dialects.flows.plugins import reads, wire

_TAG: Final = "plugins"

OPERATIONS: Final = (
    Operation(
        "GET",
        "/api/v1/plugins",
        reads.get_all,
        "List plugins",
        {200: ("All plugins, in the order of their ids.", tuple[wire.FlowPlugin, ...]), **INVALID},
        query=(Query("category", "Only those of it."), Query("q", "Only those with this text.")),
        tag=_TAG,
    ),
    Operation(
        "GET",
        "/api/v1/plugins/categories",
        reads.get_categories,
        "List categories of plugins",
        {
            200: ("The categories, with their numbers.", tuple[wire.PluginCategory, ...]),
            **INVALID,
        },
        tag=_TAG,
    ),
    Operation(
        "GET",
        "/api/v1/plugins/{id}",
        reads.get,
        "Get plugin",
        {200: ("The plugin's manifest.", wire.FlowPlugin), **UNKNOWN},
        tag=_TAG,
    ),
)
