"""Tasks that the engine does itself: sleeps, gates, other flows, and the choices of branches."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from mainspring.domain.definition import Approval, Child
from mainspring.domain.expression import ExpressionError
from mainspring.domain.expression.pattern import compile_pattern
from mainspring.domain.message import Json, replace
from mainspring.http.faults import Faults, below, shown
from mainspring_api.dialects.flows.definitions.expressions import has_template, is_template
from mainspring_api.dialects.flows.definitions.properties import schema_fault
from mainspring_api.dialects.flows.definitions.spans import instant_of, positive
from mainspring_api.dialects.outbound import addresses

BEGUN: Final = "QUEUED"
"""How a flow stands that was begun and is not waited for."""

Parts: TypeAlias = dict[str, Any]
"""Fields of a step."""


class Pin(NamedTuple):
    """A flow that a task executes: `hash` is the form of the revision that it asks for.

    None stands for the newest one, whichever that is when the task runs.
    """

    id: str
    name: str
    hash: str | None


Asked: TypeAlias = tuple[str, int | None]
"""A flow by id or name, and the revision of it that is asked for."""


class Surroundings(NamedTuple):
    """What a task may refer to outside of its flow."""

    namespace: str
    name: str
    pins: Mapping[Asked, Pin]


def asked_flow(flow: str, revision: Json, namespace: str) -> Asked | None:
    """Return what a task asks for; None when it is in another namespace, or no name at all."""
    before, slash, name = flow.rpartition("/")
    number = revision if isinstance(revision, int) and not isinstance(revision, bool) else None
    if is_template(flow) or (slash and before != namespace):
        return None
    return name, number


def sleep(own: dict[str, Json], place: str, faults: Faults) -> Parts:
    """Return the parts of a step that waits for a time."""
    given = [name for name in ("duration", "until") if own.get(name) is not None]
    if len(given) != 1:
        faults.add(f"{place}.properties", "needs one of duration and until")
        return {}
    value = own[given[0]]
    if isinstance(value, str) and is_template(value):
        return {"kind": "sleep", "pause": value}
    if given[0] == "duration":
        seconds = positive(cast("str | float", value), f"{place}.properties.duration", faults)
        return {"kind": "sleep", "duration": seconds}
    return {"kind": "sleep", "until": instant_of(value, f"{place}.properties.until", faults)}


def gate(own: dict[str, Json], place: str, faults: Faults) -> Parts:
    """Return the parts of a step that waits for people's decision."""
    at = f"{place}.properties"
    for name in ("required", "timeout", "onTimeout", "approvers", "inputsSchema"):
        if has_template(own.get(name)):
            faults.add(f"{at}.{name}", "cannot be a template")
    schema = own.get("inputsSchema")
    if schema is not None and (fault := schema_fault(schema)):
        faults.add(f"{at}.inputsSchema", fault)
    timeout = cast("str | float | None", own.get("timeout"))
    approval = Approval(
        approvers=_approvers(own.get("approvers"), f"{at}.approvers", faults),
        timeout=positive(timeout, f"{at}.timeout", faults),
        ask={"message": own.get("message") or ""},
        required=_count(own.get("required")),
        on_timeout=cast("Literal['fail', 'approve', 'reject']", own.get("onTimeout") or "fail"),
        answer=schema,
        notify=tuple(addresses(own.get("notify"), f"{at}.notify", faults)),
    )
    return {"kind": "approval", "approval": approval}


def tolerant(gate: Parts) -> Parts:
    """Return a gate that goes on when it is rejected: there are tasks for that."""
    return {**gate, "approval": replace(cast("Approval", gate["approval"]), tolerant=True)}


def _count(given: Json) -> int:
    return int(given) if isinstance(given, int | float) else 1


def _approvers(given: Json, place: str, faults: Faults) -> tuple[str, ...]:
    if isinstance(given, dict):
        named = cast("dict[str, Json]", given)
        if named.get("roles"):
            what = "come with authentication, which this server does not have: name users"
            faults.add(f"{place}.roles", what)
        given = named.get("users")
    names = cast("list[Json]", given) if isinstance(given, list) else []
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


class Subflow(NamedTuple):
    """The parts of a step that executes another flow, and what is odd about it."""

    parts: Parts
    warning: str = ""


def subflow(own: dict[str, Json], place: str, around: Surroundings, faults: Faults) -> Subflow:
    """Return how another flow is executed; its newest revision, if none is named."""
    at = f"{place}.properties"
    flow, inputs = own.get("flow"), own.get("inputs")
    for name in ("wait", "transmitFailed"):
        if has_template(own.get(name)):
            faults.add(f"{at}.{name}", "cannot be a template")
    if not isinstance(flow, str):
        return Subflow({})
    asked = asked_flow(flow, own.get("revision"), around.namespace)
    if asked is None:
        faults.add(f"{at}.flow", _elsewhere(flow, around.namespace))
        return Subflow({})
    pin = around.pins.get(asked)
    warning = ""
    if pin is None and asked[1] is not None:
        faults.add(f"{at}.revision", f'flow "{shown(asked[0])}" has no revision {asked[1]}')
    elif pin is None and asked[0] != around.name:
        warning = f'there is no flow "{shown(asked[0])}" yet: the task fails unless there is one'
    found = pin or Pin("", asked[0], None)
    # A pinned form is that of an id; the newest one is found by its name.
    child = Child(
        workflow=found.name if found.hash is None else found.id,
        payload={} if inputs is None else inputs,
        hash=found.hash,
        names=("executionId", "status", "outputs"),
        begun=BEGUN if own.get("wait") is False else None,
        tolerant=own.get("transmitFailed") is False,
    )
    return Subflow({"kind": "child", "child": child}, warning)


def _elsewhere(flow: str, namespace: str) -> str:
    if is_template(flow):
        return "cannot be a template: name the flow"
    return f'"{shown(flow)}" is in another namespace than "{namespace}": its flows are not seen'


def check_cases(own: dict[str, Json], place: str, faults: Faults) -> None:
    """Note the cases of a switch that are no patterns."""
    given = own.get("cases")
    for name in cast("dict[str, Json]", given) if isinstance(given, dict) else ():
        if name.startswith("re:"):
            try:
                compile_pattern(rf"^(?:{name[3:]})\z")
            except ExpressionError as error:
                faults.add(below(f"{place}.properties.cases", name), str(error))
