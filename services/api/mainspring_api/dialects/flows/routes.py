"""Every route of the flows dialect that is a table of its own: definitions and plugins, joined."""

from typing import Final

from mainspring.http.operations import Operation
from mainspring_api.dialects.flows.plugins.routes import OPERATIONS as PLUGINS

OPERATIONS: Final[tuple[Operation, ...]] = PLUGINS
