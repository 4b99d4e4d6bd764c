"""From the engine's states and rows to the one document of both dialects."""

from typing import Any, cast

import msgspec

from mainspring.domain.definition import Definition
from mainspring.domain.definition import Step as Part
from mainspring.domain.execution.state import TERMINAL, Execution, StepState
from mainspring.domain.message import Json
from mainspring.domain.rows import ExecutionRow
from mainspring.domain.task import PLUGIN
from mainspring.http.answers import encode
from mainspring.http.instants import millis, shown
from mainspring.store.views import execution_row
from mainspring_api.dialects.executions import wire
from mainspring_api.dialects.executions.words import (
    DONE,
    TaskWord,
    flow_word,
    run_word,
    step_word,
    task_word,
)

_ENVELOPED = frozenset({"runs", "flows"})
_KINDS = {"task": "http.request", "child": "core.subflow", "approval": "core.gate"}


def tasks_total(definition: Definition) -> int:
    """Return how many tasks a flow has: those that run after its end are not counted."""
    return sum(not step.after and not _is_hidden(step) for step in definition.steps)


def _is_hidden(step: Part) -> bool:
    """Say whether a step is one that its dialect added: nobody has written it."""
    return step.ref.startswith("$")


def item(row: ExecutionRow) -> wire.Item:
    """Return an execution as lists show it."""
    return wire.Item(**_facts(row))


def detail(x: Execution, base: Definition, *, parse: bool = False) -> wire.Detail:
    """Return an execution as it stands; `base` is its definition as it was compiled.

    Where they are to be parsed, the outputs of tasks are values and no texts.
    """
    row = execution_row(x)
    words: dict[str, TaskWord] = {step.ref: word_of(x, step) for step in x.definition.steps}
    inputs, trigger = _given(x)
    result = x.steps.get(x.result) if x.result else None
    return wire.Detail(
        **_facts(row),
        inputs=inputs,
        trigger=trigger,
        outputs=result.output if result is not None else None,
        steps=tuple(_step(x, step, words[step.ref]) for step in x.definition.steps),
        execution=_execution(x, row, base, words),
        tasks=tuple(
            _task(x, step, words[step.ref], parse=parse)
            for step in x.definition.steps
            if not _is_hidden(step)
        ),
    )


def _facts(row: ExecutionRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "workflow": row.name,
        "version": _version(row),
        "status": run_word(row.status, row.waiting_for),
        "started_at": shown(row.started_at),
        "completed_at": shown(row.finished_at),
        "created_at": shown(row.created_at),
        "namespace": row.project,
        "dialect": row.dialect,
        "triggered_by": row.triggered_by,
        "error": row.reason,
        "flow_id": row.catalog_id,
        "retry_of": row.retry_of,
        "parent": row.parent,
    }


def _version(row: ExecutionRow) -> int | str:
    return int(row.version) if row.version.isdecimal() and len(row.version) < 10 else row.version


def _given(x: Execution) -> tuple[Json, Json]:
    """Return what a run was started with, and by."""
    asked = x.requested
    payload = asked.payload if asked is not None else None
    if asked is None or asked.dialect not in _ENVELOPED or not isinstance(payload, dict):
        return payload, None
    envelope = cast("dict[str, Json]", payload)
    return envelope.get("inputs", {}), envelope.get("trigger")


def _execution(
    x: Execution, row: ExecutionRow, base: Definition, words: dict[str, TaskWord]
) -> wire.Execution:
    inputs, trigger = _given(x)
    counted = [step for step in base.steps if not step.after and not _is_hidden(step)]
    return wire.Execution(
        id=x.id,
        flow_id=row.catalog_id,
        status=flow_word(row.status, row.waiting_for),
        tasks_total=len(counted),
        tasks_executed=sum(words.get(step.ref) in DONE for step in counted),
        started_at=shown(row.started_at),
        finished_at=shown(row.finished_at),
        duration_ms=_span(row.started_at or row.created_at, row.finished_at),
        flow_name=row.name,
        namespace=row.project,
        revision=_version(row),
        created_at=shown(row.created_at),
        inputs=inputs,
        trigger=trigger,
        triggered_by=row.triggered_by,
        error=row.reason,
        warning=row.warning,
        retry_of=row.retry_of,
        waiting_for=row.waiting_for,
    )


def _span(begun: float | None, ended: float | None) -> int | None:
    if begun is None or ended is None:
        return None
    return max(0, millis(ended - begun))


def word_of(x: Execution, step: Part) -> TaskWord:
    """Return the word for where a task stands."""
    ready = all(
        (state := x.of(need)) is not None and state.status in ("succeeded", "skipped")
        for need in step.needs
    )
    if step.joins and not x.is_terminal and _is_branching(x, step):
        return "RUNNING"
    return task_word(x.of(step.ref), ready=ready, ended=x.status if x.is_terminal else None)


def _is_branching(x: Execution, join: Part) -> bool:
    """Say whether branches have begun and their join, which ends with them, has not ended."""
    if _begun(x, join) is not None:
        return False
    begun = (_begun(x, x.step(ref)) for refs in join.joins.values() for ref in refs)
    return any(state is not None and state.status != "skipped" for state in begun)


def _begun(x: Execution, step: Part) -> StepState | None:
    state = x.of(step.ref)
    return state if state is not None and state.status != "reset" else None


def _step(x: Execution, step: Part, word: TaskWord) -> wire.Step:
    state = _begun(x, step)
    return wire.Step(
        name=step.ref,
        status=step_word(word),
        started_at=shown(state.started_at) if state else None,
        completed_at=shown(_ended(state, word)),
        output=_output(state),
        error=_error(state, word),
        attempts=state.attempt if state else 0,
    )


def _output(state: StepState | None) -> Json:
    """Return what a step has given; of a plugin that failed, what it left behind."""
    if state is None:
        return None
    answer = state.exchange if state.status == "failed" else None
    return answer.body if answer is not None and answer.verb == PLUGIN else state.output


def _task(x: Execution, step: Part, word: TaskWord, *, parse: bool) -> wire.Task:
    state = _begun(x, step)
    ended = _ended(state, word)
    outputs: Json = None
    left = _output(state)
    if state is not None and (state.output_version is not None or left is not None):
        outputs = left if parse else encode(left).decode()
    return wire.Task(
        task_name=step.ref,
        task_type=step.type or _KINDS.get(step.kind, f"core.{step.kind}"),
        status=word,
        outputs=outputs,
        started_at=shown(state.started_at) if state else None,
        finished_at=shown(ended),
        duration_ms=_span(state.started_at, ended) if state else None,
        attempt=state.attempt if state else 0,
        error=_error(state, word),
        cached=True if _is_cached(state) else msgspec.UNSET,
    )


def _is_cached(state: StepState | None) -> bool:
    answer = state.exchange if state is not None else None
    return answer is not None and answer.cached


def _ended(state: StepState | None, word: TaskWord) -> float | None:
    return state.finished_at if state is not None and word in DONE else None


def _error(state: StepState | None, word: TaskWord) -> str | None:
    return state.reason if state is not None and word != "SUCCESS" else None


def is_over(status: str) -> bool:
    """Say whether a run with an engine's status has ended."""
    return status in TERMINAL
