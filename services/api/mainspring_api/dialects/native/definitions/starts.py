"""The schedule that a workflow's `cron` makes: always that of its newest version."""

from collections.abc import Mapping
from typing import Final

from mainspring.domain.message import Json
from mainspring.domain.starters import Schedule
from mainspring.http.caller import Caller
from mainspring.runtime.starters import Starters, Wanted
from mainspring_api.context import Api
from mainspring_api.dialects.native.definitions.compile import DIALECT

NAME: Final = "cron"
"""The name of the schedule among what starts a workflow."""


async def sync(api: Api, caller: Caller, workflow: str, source: Mapping[str, Json]) -> None:
    """Make the schedule of a workflow what its newest version says; durable when it returns."""
    cron, zone = source.get("cron"), source.get("cron_timezone")
    wanted: list[Wanted] = []
    if isinstance(cron, str):
        spec = Schedule(cron=cron, timezone=zone if isinstance(zone, str) else "UTC")
        wanted.append(Wanted(spec, NAME))
    await Starters(api.engine).sync(caller.project, DIALECT, workflow, wanted, caller.meta())
