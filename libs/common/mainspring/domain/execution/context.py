"""What expressions see: the values of an execution under the names that its dialect gives them.

Only the roots and the steps that an expression names are gathered, so a task carries no more than
it uses and a switch in a run of thousands of steps costs what it reads.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple, cast

from mainspring.domain.execution.expansion import place_of, resolved, within
from mainspring.domain.execution.state import Execution, StepState
from mainspring.domain.expression import (
    ROOT,
    Guard,
    Path,
    compile_body,
    compile_template,
    compile_text,
    evaluate,
    guard_holds,
    guard_references,
    rule_references,
    select,
    truthy,
)
from mainspring.domain.identity import step_run_id
from mainspring.domain.message import Json
from mainspring.domain.planner.path import is_visible
from mainspring.domain.task import PLUGIN

ROOTS: Final = (
    "payload",
    "nodes",
    "steps",
    "step",
    "outputs",
    "prev",
    "vars",
    "run",
    "flow",
    "call",
    "item",
    "index",
    "key",
)
"""The engine's own names.  An executor adds `kv`, for a call that names a key of the store."""


class Viewpoint(NamedTuple):
    """From where an expression looks: the walker, and the call that it is rendered for."""

    token: str = ""
    step: str = ""
    phase: str = "UP"
    attempt: int = 1


def values(x: Execution, paths: Iterable[Path], view: Viewpoint) -> dict[str, Json]:
    """Return the smallest object that holds what `paths` name, as seen from `view`."""
    wanted = tuple(paths)
    context: dict[str, Json] = {}
    for root in {path[0] for path in wanted if path}:
        inner = [path[1:] for path in wanted if path and path[0] == root]
        found = _root(x, x.definition.aliases.get(root, root), inner, view)
        if found is not None:
            context[root] = found[0]
    return select(context, frozenset(wanted))


def everything(x: Execution, view: Viewpoint) -> dict[str, Json]:
    """Return all that an expression could see, for one that computes its names."""
    return values(x, [(root,) for root in (*ROOTS, *x.definition.aliases)], view)


def judge(x: Execution, rule: Json, view: Viewpoint, extra: dict[str, Json] | None = None) -> bool:
    """Say whether a JSON Logic rule is truthy.  Raises `ExpressionError` if it has no value."""
    paths = rule_references(rule)
    data = everything(x, view) if ROOT in paths else values(x, paths, view)
    return truthy(evaluate(rule, data | (extra or {})))


def admits(x: Execution, guard: Guard, view: Viewpoint) -> bool:
    """Say whether a guard lets a step begin.  Raises `ExpressionError` if it has no answer."""
    paths = guard_references(guard)
    data = everything(x, view) if ROOT in paths else values(x, paths, view)
    return guard_holds(guard, data)


def text(x: Execution, template: str, view: Viewpoint) -> str:
    """Return a template of one text, rendered.  Raises `ExpressionError`."""
    compiled = compile_text(template)
    return compiled.render(values(x, compiled.references, view))


def value(x: Execution, template: Json, view: Viewpoint) -> Json:
    """Return a JSON value whose strings are templates, rendered.  Raises `ExpressionError`.

    A string that is one placeholder becomes the value that it names.
    """
    language = x.definition.language
    if language != "mustache":
        said = compile_template(template, language)
        whole = ROOT in said.references
        return said.render(everything(x, view) if whole else values(x, said.references, view))
    # In an object, because a bare text that looks like JSON would be rendered as JSON.
    compiled = compile_body({"value": template})
    built: Json = compiled.render(values(x, compiled.references, view))
    return built["value"]


def _root(x: Execution, name: str, inner: list[Path], view: Viewpoint) -> tuple[Json] | None:
    """Return the value of an engine name, boxed; None when there is no such name."""
    match name.split("."):
        case ["payload", *rest]:
            return _follow(x.requested.payload if x.requested else None, rest)
        case ["nodes"]:
            return ({name: _node(x, found) for name, found in _found(x, inner, view)},)
        case ["steps"]:
            return ({name: _result(x, found) for name, found in _found(x, inner, view)},)
        case ["outputs"]:
            return (_outputs(x, inner, view),)
        case ["step"]:
            return (_steps(x, inner, view),)
        case ["prev"]:
            return _prev(x, view)
        case _:
            return _about(x, name, inner, view)


def _about(x: Execution, name: str, inner: list[Path], view: Viewpoint) -> tuple[Json] | None:
    """Return what a name says of the definition, of the run, or of the call that is made."""
    match name.split("."):
        case ["vars", *rest]:
            return _follow(x.definition.vars, rest)
        case ["run", *rest]:
            return _run(x, rest, inner)
        case ["flow", *rest]:
            return _inside(_flow(x), rest)
        case ["call", *rest]:
            return _call(x, view, rest, inner)
        case ["item" | "index" | "key" as what, *rest]:
            found = _item(x, view.step)
            return _follow(found[what], rest) if found is not None and what in found else None
        case _:
            return None


def _item(x: Execution, seen_from: str) -> dict[str, Json] | None:
    """Return the item that a step of a loop is done for, None for any other step."""
    place = place_of(seen_from)
    fan = x.fans.get(place.loop) if place is not None else None
    if place is None or fan is None:
        return None
    index, count = place.number, len(fan.items)
    if index >= count + len(fan.spare):
        return None
    item = fan.items[index] if index < count else fan.spare[index - count]
    about: dict[str, Json] = {"item": item, "index": index}
    return about | {"key": item["key"]} if fan.keyed and index < count else about


def _run(x: Execution, rest: list[str], inner: list[Path]) -> tuple[Json] | None:
    """Return what the root `run` says, as far as it is named; once the work has ended also how."""
    if rest:
        return (_RUN[rest[0]](x),) if rest[0] in _RUN else None
    named = {path[0] for path in inner} if all(inner) else _RUN.keys()
    return ({name: _RUN[name](x) for name in _RUN if name in named},)


def _ended_as(x: Execution) -> str:
    """Return how the work stands, or how it ended: what comes after it does not change that."""
    status = x.unwinding.outcome if x.unwinding is not None else x.status
    status = x.epilogue.outcome if x.epilogue is not None else status
    return x.definition.words.get(status, status)


def _took_ms(x: Execution) -> int:
    until = x.epilogue.at if x.epilogue is not None else x.updated_at
    return 0 if x.started_at is None else max(0, round((until - x.started_at) * 1000))


_RUN: Final[Mapping[str, Callable[[Execution], Json]]] = {
    "id": lambda x: x.id,
    "name": lambda x: x.definition.name,
    "version": lambda x: x.definition.version,
    "workflow_name": lambda x: x.definition.name,
    "workflow_version": lambda x: x.definition.version,
    "project": lambda x: x.project,
    "tags": lambda x: x.requested.tags if x.requested else {},
    "started_at": lambda x: None if x.started_at is None else rfc3339(x.started_at),
    "startedAt": lambda x: None if x.started_at is None else rfc3339(x.started_at),
    "attempt": lambda x: x.requested.attempt if x.requested else 1,
    "status": _ended_as,
    "error": lambda x: x.epilogue.reason if x.epilogue is not None else x.reason,
    "failed_step": lambda x: x.epilogue.step if x.epilogue is not None else None,
    "duration_ms": _took_ms,
}


def _call(x: Execution, view: Viewpoint, rest: list[str], inner: list[Path]) -> tuple[Json] | None:
    """Return what the root `call` says of the step that asks, as far as it is named."""
    if rest:
        return (_CALL[rest[0]](x, view),) if rest[0] in _CALL else None
    named = {path[0] for path in inner} if all(inner) else _CALL.keys()
    return ({name: _CALL[name](x, view) for name in _CALL if name in named},)


def _name_of(_: Execution, view: Viewpoint) -> Json:
    place = place_of(view.step)
    return place.name if place is not None else view.step


def _type_of(x: Execution, view: Viewpoint) -> Json:
    step = x.definition.by_ref.get(view.step)
    return step.type if step is not None else ""


_CALL: Final[Mapping[str, Callable[[Execution, Viewpoint], Json]]] = {
    "id": lambda x, view: step_run_id(x.id, view.step),
    "step": lambda _, view: view.step,
    "name": _name_of,
    "type": _type_of,
    "phase": lambda _, view: view.phase,
    "attempt": lambda _, view: view.attempt,
}


def _flow(x: Execution) -> dict[str, Json]:
    asked, version = x.requested, x.definition.version
    return {
        "id": asked.catalog_id if asked is not None else None,
        "name": x.definition.name,
        "namespace": x.project,
        "revision": int(version) if version.isascii() and version.isdecimal() else version,
    }


def rfc3339(at: float) -> str:
    """Return an instant as expressions see it: in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _follow(inside: Json, rest: list[str]) -> tuple[Json] | None:
    """Return what stands at a path into a value, boxed."""
    for name in rest:
        if not isinstance(inside, dict) or name not in inside:
            return None
        inside = cast("dict[str, Json]", inside)[name]
    return (inside,)


def _inside(record: dict[str, Json], rest: list[str]) -> tuple[Json] | None:
    if not rest:
        return (record,)
    return (record[rest[0]],) if rest[0] in record else None


def _sees(step: StepState, view: Viewpoint) -> bool:
    """Say whether a result is in view: a branch does not see its siblings, all others see all."""
    if step.phase != "up" or step.status in ("canceled", "reset"):
        return False
    return not view.token or not step.token or is_visible(step.token, view.token)


def _found(x: Execution, inner: list[Path], view: Viewpoint) -> Iterator[tuple[str, StepState]]:
    """Yield the steps that are named, and in view, by their names.

    For a step of an item these are first those of the same item; if all are meant, the steps of
    other items are not.
    """
    names = {path[0] for path in inner if path} if all(inner) else _names_in(x, view.step)
    for name in sorted(names):
        state = x.steps.get(resolved(x.definition, name, view.step))
        if state is not None and _sees(state, view):
            yield name, state


def _names_in(x: Execution, seen_from: str) -> set[str]:
    form = x.definition
    names = {step.ref for step in (*form.work, *form.epilogue)}
    for place in within(seen_from):
        each = x.step(place.loop).each
        names |= {step.ref for step in each.steps} if each is not None else set()
    return names


def _status(x: Execution, step: StepState) -> str:
    """Return where a step stands, in the dialect's word."""
    return x.definition.words.get(step.status, step.status)


def _result(x: Execution, step: StepState) -> Json:
    """Return what the root `steps` says of a step: its output, status, error, and answer.

    A step that was skipped has an empty output; a plugin that failed, what it left behind.
    """
    answer, is_skipped = step.exchange, step.status == "skipped"
    result: dict[str, Json] = {
        "output": {} if is_skipped else step.output,
        "status": _status(x, step),
        "error": (step.reason or "") if step.status == "failed" else None,
    }
    if answer is not None and answer.verb == PLUGIN:
        if step.status == "failed":
            result["output"] = {} if answer.body is None else answer.body
    elif answer is not None:
        response = {"status": answer.status, "headers": answer.headers, "body": answer.body}
        result["response"] = response
    return result


def _outputs(x: Execution, inner: list[Path], view: Viewpoint) -> Json:
    """Return the outputs of the steps that have succeeded."""
    found = _found(x, inner, view)
    return {name: step.output for name, step in found if step.status == "succeeded"}


def _node(x: Execution, step: StepState) -> Json:
    answer = step.exchange if step.exchange and step.exchange.verb != PLUGIN else None
    body = answer.body if answer is not None else step.output
    response: dict[str, Json] = {"body": body}
    if answer is not None:
        response |= {"status": answer.status, "headers": answer.headers}
    node: dict[str, Json] = {"response": response, "status": _status(x, step)}
    if step.callback is not None:
        node["callback"] = {"body": step.callback[0]}
    return node


def _steps(x: Execution, inner: list[Path], view: Viewpoint) -> Json:
    """Completed steps by name and by the order of their completion, from 0."""
    names = {path[0] for path in inner if path} if all(inner) else None
    found: dict[str, Json] = {}
    for name in names if names is not None else [str(n) for n in range(len(x.completed))]:
        ref = x.completed.get(int(name)) if name.isdecimal() and len(name) < 9 else name
        step = x.steps.get(ref) if ref is not None else None
        if step is not None and step.completed_as is not None and _sees(step, view):
            found[name] = {"index": step.completed_as, "name": step.ref, "body": step.output}
            if names is None:
                found[step.ref] = found[name]
    return found


def _prev(x: Execution, view: Viewpoint) -> tuple[Json]:
    token = x.tokens.get(view.token)
    step = x.steps.get(token.done) if token is not None and token.done else None
    return ({"body": step.output},) if step is not None else (None,)
