"""From stored definitions to flows as they are answered."""

from mainspring.http.instants import shown
from mainspring_api.dialects.flows.definitions import wire
from mainspring_api.dialects.flows.definitions.found import Flow
from mainspring_api.dialects.flows.refusals import FlowFault
from mainspring_api.dialects.yamls import Fault


def flow(found: Flow) -> wire.Flow:
    """Return a flow in one of its revisions."""
    source, row = found.source, found.row
    return wire.Flow(
        id=found.id,
        name=row.name,
        namespace=row.project,
        yaml_content=found.text,
        created_at=shown(found.began_at),
        updated_at=shown(row.created_at),
        revision=found.revision,
        description=source.get("description") or wire.UNSET,
        labels=source.get("labels") or {},
        disabled=source.get("disabled") is True,
        tasks_total=source["tasks"],
    )


def revision(found: Flow, author: str) -> wire.FlowRevision:
    """Return one revision of a flow, as one of many."""
    return wire.FlowRevision(
        revision=found.revision,
        yaml_content=found.text,
        created_at=shown(found.row.created_at),
        author=author,
        description=found.source.get("description") or wire.UNSET,
        comment=found.source.get("comment") or wire.UNSET,
    )


def fault(found: Fault) -> FlowFault:
    """Return one fault of a text."""
    return FlowFault(line=found.line, column=found.column, path=found.path, message=found.message)
