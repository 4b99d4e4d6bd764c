"""Whether a workflow's cron pattern and its time zone mean something."""

from mainspring.domain.calendar import cron_faults, zone_fault
from mainspring.http.faults import Faults, shown


def check_schedule(cron: str | None, zone: str | None, faults: Faults) -> None:
    """Note what is wrong with a schedule."""
    for fault in () if cron is None else cron_faults(cron):
        faults.add("cron", fault)
    if zone is not None:
        if zone_fault(zone):
            faults.add("cron_timezone", f'no time zone "{shown(zone)}"')
        if cron is None:
            faults.add("cron_timezone", "is for a workflow with cron")
