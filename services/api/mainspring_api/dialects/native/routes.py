"""Every route of the native dialect: the tables of its parts, joined."""

from typing import Final

from mainspring.http.operations import Operation
from mainspring_api.dialects.native.approvals.routes import OPERATIONS as APPROVALS
from mainspring_api.dialects.native.definitions.routes import OPERATIONS as DEFINITIONS
from mainspring_api.dialects.native.insight.routes import OPERATIONS as INSIGHT
from mainspring_api.dialects.native.runs.routes import OPERATIONS as RUNS

OPERATIONS: Final[tuple[Operation, ...]] = (
    *DEFINITIONS,
    *RUNS,
    *APPROVALS,
    *INSIGHT,
)
