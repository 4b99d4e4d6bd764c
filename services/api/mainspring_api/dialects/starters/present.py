"""A trigger as clients read it: its key is shown, its secret is not."""

from typing import Final
from urllib.parse import quote

from mainspring.domain import starters as s
from mainspring.http.instants import shown
from mainspring_api.dialects.starters import wire
from mainspring_api.dialects.starters.reading import config_of

WEBHOOK: Final = "/api/v1/webhook/"
HOOKS: Final = "/hooks/"


def trigger(starter: s.Starter) -> wire.Trigger:
    """Return a trigger with what it is told and where it stands."""
    row, form = starter
    coming, last = shown(row.next_at), shown(row.last_at)
    return wire.Trigger(
        id=row.id,
        flow_id=row.workflow,
        namespace=row.project,
        type=row.kind,
        name=row.name or None,
        enabled=row.enabled,
        origin=row.origin,
        config=config_of(form.spec),
        inputs=form.input,
        url=_url(form.spec),
        next_at=coming,
        next_run=coming,
        last_at=last,
        last_run=last,
        last_execution_id=row.last_execution if row.last_error is None else None,
        last_error=row.last_error,
        note=row.note,
        created_at=shown(row.created_at),
        updated_at=shown(row.updated_at),
    )


def _url(spec: s.Spec) -> str | None:
    match spec:
        case s.Webhook(key=str() as key) if key:
            return WEBHOOK + quote(key, safe="")
        case s.Webhook():
            return HOOKS + quote(spec.path)
        case _:
            return None
