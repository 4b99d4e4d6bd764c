"""Whether a run would be turned away: seen before it is made, as far as it can be seen by then.

Of two that come at the same instant the scheduler turns one away; it alone decides.
"""

from typing import Final

from mainspring.domain.definition import Definition
from mainspring.domain.execution.lane import lane_of
from mainspring.domain.message import Json
from mainspring.domain.rows import ExecutionRow
from mainspring_api.context import Api

OPEN: Final = ("pending", "running", "paused", "unwinding")
MOST_COUNTED: Final = 1000
"""Runs that are counted before one more; of a higher limit the scheduler alone decides."""


async def is_full(api: Api, project: str, definition: Definition, payload: Json) -> bool:
    """Say whether as many runs go on as may, of those that are counted with a new one.

    Raises `DefinitionInvalid` where the key that it is counted by cannot be rendered.
    """
    lane, most = lane_of(definition, payload), definition.max_runs
    if most is None or most > MOST_COUNTED or definition.on_limit != "reject":
        return False
    rows = await api.views.executions(
        project, status=OPEN, name=definition.name, limit=MOST_COUNTED
    )
    beside = [row for row in rows if row.lane == lane]
    if len(beside) < most:
        return False
    return sum([not await _is_within(api, row) for row in beside]) >= most


async def _is_within(api: Api, row: ExecutionRow) -> bool:
    """Say whether a run was started by a run of the same workflow: that one has the place."""
    parent = row.parent
    while parent is not None:
        above = await api.views.execution(parent)
        if above is None:
            return False
        if above.row.name == row.name:
            return True
        parent = above.row.parent
    return False
