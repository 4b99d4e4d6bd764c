"""From stored definitions to workflows as they are answered."""

from mainspring.http.instants import shown
from mainspring_api.dialects.native.definitions import wire
from mainspring_api.dialects.native.definitions.found import Workflow


def workflow(found: Workflow) -> wire.Workflow:
    """Return one version of a workflow."""
    source, row = found.source, found.row
    return wire.Workflow(
        id=found.id,
        project_id=row.project,
        name=source["name"],
        slug=row.name,
        description=source.get("description"),
        tags=source.get("tags") or {},
        version=int(row.version),
        version_id=row.id,
        max_parallel_steps=int(source.get("max_parallel_steps") or 0),
        max_concurrent_runs=int(source.get("max_concurrent_runs") or 0),
        timeout_secs=source.get("timeout_secs") or 0,
        cron=source.get("cron"),
        cron_timezone=source.get("cron_timezone"),
        steps=source["steps"],
        created_at=shown(found.began_at),
        updated_at=shown(row.created_at),
    )
