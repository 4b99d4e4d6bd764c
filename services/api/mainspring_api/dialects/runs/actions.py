"""What a step's `action` becomes: a call of a plugin, another run, a pause, or people's decision.

Every plugin is an action by its id.  Loops and branches of another dialect are none here, and each
says how this one puts it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

import msgspec

from mainspring.domain.definition import Approval, Child, Plugin
from mainspring.domain.durations import duration
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json, replace
from mainspring.http.faults import Faults, below, item, shown
from mainspring.plugin import Plugin as Installed
from mainspring.plugin import Registry
from mainspring_api.dialects.outbound import addresses, check_headers, check_url
from mainspring_api.dialects.runs.expressions import is_template
from mainspring_api.dialects.runs.literals import check_params
from mainspring_api.dialects.runs.spans import LONGEST_S

WORKFLOW: Final = "workflow/run"
HTTP: Final = "http/request"
_REFUSED: Final = {
    "core.forEach": "there are no loops here: run another workflow for a list with workflow/run, "
    "or give the whole list to one step",
    "core.if": "write the condition as the step's own if",
    "core.switch": "write each branch as a step with its own if",
    "core.parallel": "steps that do not depend on each other run at once by themselves",
}
_CALLS: Final = (HTTP, "http.request")
_CONTROL: Final = ("core.sleep", "core.gate", "core.subflow")


BEGUN: Final = "pending"
"""How a run stands that was begun and is not waited for."""

_CHILD_GIVES: Final = {
    WORKFLOW: ("execution_id", "status", "steps"),
    "core.subflow": ("executionId", "status", "outputs"),
}


class Pin(NamedTuple):
    """A workflow that a step runs: its id, and the form of the version that was asked for."""

    id: str
    hash: str | None


class Known(NamedTuple):
    """What actions may refer to: plugins, and other workflows by name and version."""

    plugins: Registry
    workflows: Mapping[tuple[str, int | None], Pin]
    itself: str


def kind_of(action: str) -> str:
    """Return what kind of step an action is."""
    kinds = {WORKFLOW: "child", "core.subflow": "child", "core.sleep": "sleep"}
    return {**kinds, "core.gate": "approval"}.get(action, "task")


def child_of(action: Json, params: Json) -> tuple[str, int | None] | None:
    """Return the workflow that a step runs and its version, if it says so readably."""
    if action not in (WORKFLOW, "core.subflow") or not isinstance(params, dict):
        return None
    said = cast("dict[str, Json]", params)
    name, version = (said.get(word) for word in _CHILD_WORDS[action])
    whole = isinstance(version, int) and not isinstance(version, bool)
    return (name, version if whole else None) if isinstance(name, str) else None


_CHILD_WORDS: Final[dict[Json, tuple[str, str]]] = {
    WORKFLOW: ("workflow", "version"),
    "core.subflow": ("flow", "revision"),
}


def compiled(
    action: str, params: dict[str, Json], place: str, known: Known, faults: Faults
) -> dict[str, Any]:
    """Return the fields of the engine's step; what is wrong is noted below `place`."""
    at = f"{place}.params"
    if action == WORKFLOW:
        _only(params, ("workflow", "version", "inputs"), at, faults)
        return _child(action, params, at, known, faults)
    if action in _REFUSED:
        faults.add(f"{place}.action", f"{action} is no action here: {_REFUSED[action]}")
        return {}
    plugin = _plugin(action, f"{place}.action", known.plugins, faults)
    if plugin is None:
        return {}
    check_params(params, plugin, at, faults)
    if action in _CALLS:
        _check_call(params, at, faults)
    match action:
        case "core.sleep":
            return _sleep(params, at, faults)
        case "core.gate":
            return _gate(params, at, faults)
        case "core.subflow":
            return _subflow(params, at, known, faults)
        case _:
            return {"plugin": Plugin(action, params)}


def _check_call(params: Mapping[str, Json], place: str, faults: Faults) -> None:
    """Note what a call could never do, whatever its expressions give."""
    url, headers = params.get("url"), params.get("headers")
    if isinstance(url, str):
        check_url(url, f"{place}.url", faults)
    if isinstance(headers, dict):
        check_headers(cast("dict[str, Json]", headers), f"{place}.headers", faults)


def _plugin(action: str, place: str, plugins: Registry, faults: Faults) -> Installed | None:
    if is_template(action):
        faults.add(place, "must be written out: an action is known before anything runs")
        return None
    try:
        found = plugins.get(action)
    except ImportError:
        faults.add(place, f'plugin "{shown(action)}" cannot be loaded on this server')
        return None
    if found is None:
        faults.unknown(place, "action", action, _actions(plugins))
    elif found.manifest.is_control and action not in _CONTROL:
        faults.add(place, f"{action} is no action here")
        return None
    return found


def _actions(plugins: Registry) -> Collection[str]:
    return [WORKFLOW, *(id for id in plugins.ids if id not in _REFUSED)]


def _only(params: Mapping[str, Json], known: Collection[str], place: str, faults: Faults) -> None:
    for name in params:
        if name not in known:
            faults.add(below(place, name), f"is not known here{faults.hint(name, known)}")


def _child(
    action: str, params: Mapping[str, Json], place: str, known: Known, faults: Faults
) -> dict[str, Any]:
    word, number = _CHILD_WORDS[action]
    inputs, version = params.get("inputs"), params.get(number)
    if inputs is not None and not isinstance(inputs, dict) and not is_template(inputs):
        faults.add(f"{place}.inputs", f"an object is wanted, not {kind(inputs)}")
    asked = child_of(action, dict(params))
    whole = isinstance(version, int) and not isinstance(version, bool) and version > 0
    if version is not None and not whole:
        faults.add(f"{place}.{number}", "a whole number from 1 is wanted, written out")
        return {}
    if asked is None or is_template(asked[0]):
        faults.add(f"{place}.{word}", "the name of a workflow is wanted, written out")
        return {}
    pin = known.workflows.get(asked)
    if pin is None:
        which = "" if version is None else f" in version {version}"
        hint = faults.hint(asked[0], {name for name, _ in known.workflows})
        faults.add(f"{place}.{word}", f'no workflow "{shown(asked[0])}"{which}{hint}')
        return {}
    # Without a version the newest one runs, so it is found by its name when the step begins.
    workflow = asked[0] if pin.hash is None else pin.id
    child = Child(workflow, inputs or {}, pin.hash, _CHILD_GIVES[action])
    return {"kind": "child", "child": child}


def _subflow(
    params: Mapping[str, Json], place: str, known: Known, faults: Faults
) -> dict[str, Any]:
    for name in ("wait", "transmitFailed"):
        if not isinstance(params.get(name, True), bool):
            faults.add(f"{place}.{name}", "true or false is wanted, written out")
    parts = _child("core.subflow", params, place, known, faults)
    child = parts.get("child")
    if isinstance(child, Child):
        begun = BEGUN if params.get("wait") is False else None
        tolerant = params.get("transmitFailed") is False
        parts["child"] = replace(child, begun=begun, tolerant=tolerant)
    return parts


def _sleep(params: Mapping[str, Json], place: str, faults: Faults) -> dict[str, Any]:
    given = [name for name in ("duration", "until") if params.get(name) is not None]
    if len(given) != 1:
        faults.add(place, "one of duration and until is wanted")
        return {}
    value = params[given[0]]
    if not is_template(value):
        _check_pause(given[0], value, f"{place}.{given[0]}", faults)
    return {"kind": "sleep", "pause": value}


def _check_pause(name: str, value: Json, place: str, faults: Faults) -> None:
    if name == "duration":
        if duration(value) is None:
            faults.add(place, "is no duration: write it as 90s, 1h30m or seconds")
        return
    try:
        is_instant = msgspec.convert(value, datetime).tzinfo is not None
    except msgspec.ValidationError:
        is_instant = False
    if not is_instant:
        faults.add(place, "is no instant: write it as 2030-01-01T00:00:00Z")


def _gate(params: Mapping[str, Any], place: str, faults: Faults) -> dict[str, Any]:
    approvers: Any = params.get("approvers") or ()
    if isinstance(approvers, dict):
        sides = cast("dict[str, Any]", approvers)
        if sides.get("roles"):
            faults.add(f"{place}.approvers.roles", "people are named here, by users")
        approvers = sides.get("users") or ()
    names = cast("list[Any]", approvers) if isinstance(approvers, list) else []
    for index, name in enumerate(names):
        if is_template(name):
            faults.add(item(f"{place}.approvers", index), "must be written out")
    if "onReject" in params:
        faults.add(f"{place}.onReject", "has no branches here: a rejection fails the step")
    approval = Approval(
        approvers=tuple(dict.fromkeys(str(name) for name in names)),
        timeout=_patience(params.get("timeout"), f"{place}.timeout", faults),
        ask={"message": params.get("message", "")},
        required=_whole(params.get("required", 1)),
        on_timeout=_decided(params.get("onTimeout")),
        answer=params.get("inputsSchema"),
        notify=tuple(addresses(params.get("notify"), f"{place}.notify", faults)),
    )
    return {"kind": "approval", "approval": approval}


def _whole(value: Any) -> int:  # noqa: ANN401
    return int(value) if isinstance(value, int | float) else 1


def _decided(value: Any) -> Any:  # noqa: ANN401
    return value if value in ("approve", "reject") else "fail"


def _patience(value: Json, place: str, faults: Faults) -> float | None:
    if value is None:
        return None
    seconds = duration(value)
    if seconds is None or not 0 < seconds <= LONGEST_S:
        faults.add(place, "is no duration: write it out as 90s, 1h30m or seconds")
        return None
    return seconds
