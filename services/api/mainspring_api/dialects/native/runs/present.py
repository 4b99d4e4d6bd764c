"""From the engine's rows and states to the runs and step runs of the page."""

from collections.abc import Sequence
from typing import Final

from mainspring.domain.definition import Definition, Step
from mainspring.domain.execution.state import TERMINAL, Execution, Resolution, StepState
from mainspring.domain.execution.waits import child_of_attempt
from mainspring.domain.identity import step_run_id
from mainspring.domain.message import Json
from mainspring.domain.rows import ExecutionRow
from mainspring.http.instants import shown
from mainspring.store.views import execution_row
from mainspring_api.dialects.native.ids import step_id, version_id
from mainspring_api.dialects.native.runs import wire
from mainspring_api.dialects.native.runs.words import RunStatus, StepWord, run_status, step_status

TYPES: Final = {
    "task": "http",
    "wait": "wait_for_event",
    "child": "sub_workflow",
}
"""The dialect's word for a kind of step, where it is another one than the engine's."""

_SETTLED: Final[dict[str, StepWord]] = {
    "received": "completed",
    "approved": "completed",
    "completed": "completed",
    "skipped": "skipped",
    "canceled": "failed",
    "rejected": "failed",
    "failed": "failed",
}


def run(row: ExecutionRow, definition: Definition, payload: Json) -> wire.Run:
    """Return a run as lists show it."""
    workflow = row.catalog_id
    limit = definition.run_timeout
    return wire.Run(
        id=row.id,
        workflow_id=workflow,
        project_id=row.project,
        status=_stands(row),
        triggered_by=row.triggered_by,
        workflow_version=int(row.version) if row.version.isdecimal() else 0,
        max_parallel_steps=definition.max_parallel or 0,
        payload=payload,
        error=row.reason,
        started_at=shown(row.started_at),
        finished_at=shown(row.finished_at),
        expires_at=shown(row.created_at + limit) if limit is not None else None,
        retry_of_run_id=row.retry_of,
        parent_workflow_run_id=row.parent,
        parent_step_run_id=(
            step_run_id(row.parent, row.parent_step) if row.parent and row.parent_step else None
        ),
        tags=row.tags,
        workflow_version_id=_version_id(row),
        created_by=row.created_by,
        created_at=shown(row.created_at),
        workflow_name=row.name,
        waiting_for=row.waiting_for,
        warning=row.warning,
    )


def _version_id(row: ExecutionRow) -> str | None:
    """Return the id of the version that runs; in other dialects each version is its own entry."""
    if row.catalog_id is None or row.dialect != "native":
        return row.catalog_id
    return version_id(row.catalog_id, row.version)


def detail(of: wire.Run, output: Json) -> wire.RunDetail:
    """Return a run with its output."""
    fields = {name: getattr(of, name) for name in wire.Run.__struct_fields__}
    return wire.RunDetail(**fields, output=output)


def state(x: Execution) -> wire.RunDetail:
    """Return a run in a state that was folded from the log."""
    result = x.steps.get(x.result) if x.result else None
    payload = x.requested.payload if x.requested else None
    return detail(run(execution_row(x), x.definition, payload), result.output if result else None)


def status(x: Execution) -> RunStatus:
    """Return the dialect's word for where a run stands."""
    return _stands(execution_row(x))


def _stands(row: ExecutionRow) -> RunStatus:
    """Return the word for a row.  One that has ended and waits for a decision is to go on.

    So whoever asks for a step again reads at once that the run goes on, and not its first end.
    """
    if row.status in TERMINAL and row.waiting_for == "decision":
        return "running"
    return run_status(row.status, undone=row.undone)


def steps(x: Execution) -> list[wire.StepRun]:
    """Return all steps of a run, in the order of its definition."""
    return [step_run(x, step) for step in x.definition.steps]


def step_run(x: Execution, step: Step) -> wire.StepRun:
    """Return a step of a run, begun or not."""
    now = x.of(step.ref)
    begun = now if now is not None and now.status != "reset" else None
    settled = _settled(x, step, begun)
    asked = x.requested
    workflow, version = (asked.catalog_id, asked.version) if asked else (None, "")
    return wire.StepRun(
        id=step_run_id(x.id, step.ref),
        workflow_run_id=x.id,
        workflow_step_id=step_id(workflow or x.id, version, step.ref),
        step_ref=step.ref,
        step_type=TYPES.get(step.kind, step.kind),
        job_run_id=None,
        attempt=now.attempt if now is not None else 1,
        status=_SETTLED[settled.how] if settled else step_status(begun.status if begun else None),
        deps_completed=sum(_is_satisfied(x, need) for need in set(step.needs)),
        deps_required=len(set(step.needs)),
        output=_output(begun, settled),
        error=_error(begun, settled),
        started_at=shown(begun.started_at) if begun else None,
        finished_at=shown(settled.at if settled else begun.finished_at if begun else None),
        created_at=shown(begun.scheduled_at if begun else asked.at if asked else x.updated_at),
        child_workflow_run_id=(
            child_of_attempt(x, step.ref, begun.visit, begun.attempt)
            if begun is not None and step.kind == "child"
            else None
        ),
    )


def page(found: Sequence[wire.StepRun], *, after: str | None, limit: int) -> list[wire.StepRun]:
    """Return the step runs behind one, by its ref, at most `limit`."""
    refs = [each.step_ref for each in found]
    start = refs.index(after) + 1 if after in refs else 0
    return list(found[start : start + limit])


def _settled(x: Execution, step: Step, begun: StepState | None) -> Resolution | None:
    """Return what somebody has made of a step, as long as the scheduler has not said so."""
    if begun is not None and begun.status not in ("waiting", "sleeping", "retrying"):
        return None
    return x.forced.get(step.ref) or (begun.resolution if begun is not None else None)


def _output(begun: StepState | None, settled: Resolution | None) -> Json:
    if settled is not None:
        return settled.payload
    return begun.output if begun is not None and begun.status == "succeeded" else None


def _error(begun: StepState | None, settled: Resolution | None) -> str | None:
    if settled is not None:
        return settled.reason or None
    return begun.reason if begun is not None else None


def _is_satisfied(x: Execution, ref: str) -> bool:
    found = x.of(ref)
    if found is None:
        return False
    went_on = found.status == "failed" and x.step(ref).on_failure == "continue"
    return found.status in ("succeeded", "skipped") or went_on
