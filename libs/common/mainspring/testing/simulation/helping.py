"""Somebody who does, when the weather is calm, what open runs wait for that only people can do.

What waits is looked up in what the store holds; what is done goes through the api, like any wish.
Nobody helps what stands under a run that is being wound up: its end has to reach it.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from mainspring.domain.rows import ApprovalRow, ExecutionRow, TriggerRow
from mainspring.store.tables import Tables
from mainspring.testing.simulation.plot import Stage

HELPER: Final = "helper"


async def help_out(stage: Stage) -> None:
    """Resume what is paused, approve what is pending, and send what is waited for."""
    ask, tables = stage.client.ask, stage.tables
    left = left_alone(tables)
    for row in list(tables.rows(ExecutionRow)):
        if row.status == "paused" and row.id not in left:
            await ask("POST", f"/v1/workflow-runs/{row.id}/resume")
    for row in list(tables.rows(ApprovalRow)):
        if row.status == "pending" and row.execution not in left:
            who = {"x-actor-id": row.approvers[0] if row.approvers else HELPER}
            path = f"/v1/workflow-runs/{row.execution}/steps/{quote(row.ref)}/approve"
            await ask("POST", path, headers=who)
    for row in list(tables.rows(TriggerRow)):
        if row.status == "waiting" and row.execution not in left:
            key = quote(row.key, safe="")
            await ask("POST", f"/v1/events/{key}/send", {"payload": {"by": HELPER}})


def left_alone(tables: Tables) -> set[str]:
    """Return the runs that stand under one which is being wound up."""
    rows = {row.id: row for row in tables.rows(ExecutionRow)}
    return {id for id in rows if any(one.status == "unwinding" for one in _above(id, rows))}


def _above(id: str, rows: Mapping[str, ExecutionRow]) -> Iterator[ExecutionRow]:
    above = rows[id].parent
    while above is not None and above in rows:
        yield rows[above]
        above = rows[above].parent
