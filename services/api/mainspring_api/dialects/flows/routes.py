"""Every route of the flows dialect that is its own: definitions and plugins, joined."""

from typing import Final

from mainspring.http.operations import Operation
from mainspring_api.dialects.flows.definitions.routes import OPERATIONS as DEFINITIONS
from mainspring_api.dialects.flows.plugins.routes import OPERATIONS as PLUGINS

OPERATIONS: Final[tuple[Operation, ...]] = (*DEFINITIONS, *PLUGINS)
