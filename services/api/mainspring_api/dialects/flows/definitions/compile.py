"""From a flow's YAML to the engine's own definition, or all faults at once, with their lines.

Tasks are read one by one, and what they refer to is taken from what was sent, readable or not: a
fault in one task hides none in another.  What compiles can be run to an end.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, cast

from mainspring.domain.definition import Definition, Ending, OnLimit, Plugin, Retry, Step
from mainspring.domain.expression.values import kind
from mainspring.domain.inputs import Input
from mainspring.domain.message import Json, replace
from mainspring.http.answers import as_uuid
from mainspring.http.faults import Faults, below, shown
from mainspring.http.reading import read
from mainspring.runtime.starters import Wanted
from mainspring_api.dialects.flows.definitions.controls import (
    Asked,
    Pin,
    Surroundings,
    asked_flow,
)
from mainspring_api.dialects.flows.definitions.expressions import (
    ALIASES,
    LANGUAGE,
    WITH_ENV,
    WORDS,
    Room,
    is_template,
    texts,
)
from mainspring_api.dialects.flows.definitions.form import MOST_LABELS, FlowForm
from mainspring_api.dialects.flows.definitions.inputs import inputs_of
from mainspring_api.dialects.flows.definitions.nodes import Graph, Order, Reader
from mainspring_api.dialects.flows.definitions.spans import positive, retry_of
from mainspring_api.dialects.flows.definitions.spellings import OF_FLOWS, Written
from mainspring_api.dialects.flows.definitions.tasks import Known, compiled
from mainspring_api.dialects.flows.definitions.triggers import triggers_of
from mainspring_api.dialects.flows.plugins.shelf import manifests
from mainspring_api.dialects.yamls import Document, Fault, read_yaml

DIALECT: Final = "flows"
OUTPUTS: Final = "$outputs"
"""The step that makes the outputs of a flow that says them: no task of its text is called so."""

MOST_SUBFLOWS: Final = 100
TIMEOUT_S: Final = 300.0
"""How long one try of a task may take that does not say it."""

AFTER_TIMEOUT_S: Final = 3600.0
"""How long all tasks of an epilogue may take."""

EPILOGUES: Final[Mapping[str, tuple[Ending, ...]]] = {
    "onError": ("failed", "timed_out"),
    "onSuccess": ("succeeded",),
    "finally": ("succeeded", "failed", "timed_out", "canceled"),
}


_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_NAMED: Final = frozenset({"name", "variables"})
"""Members without which the others would have faults that they do not have."""


class Flow(NamedTuple):
    """A flow that compiles: what it means, and what it says of itself."""

    definition: Definition
    form: FlowForm
    labels: dict[str, str]
    order: Order
    triggers: tuple[Wanted, ...]
    warnings: list[Fault]


class Text(NamedTuple):
    """A flow's text, read as far as YAML goes."""

    document: Document
    faults: Faults
    size: int

    def subflows(self, namespace: str) -> list[Asked]:
        """Return the flows that its tasks execute, each once."""
        found = dict.fromkeys(_subflows(self.document.data, namespace))
        if len(found) > MOST_SUBFLOWS:
            self.faults.add("tasks", f"execute more than {MOST_SUBFLOWS} other flows")
        return list(found)[:MOST_SUBFLOWS]

    def name(self, key: str) -> str | None:
        """Return what a member of the whole says, if it is a text."""
        data = self.document.data
        found = cast("dict[str, Json]", data).get(key) if isinstance(data, dict) else None
        return found if isinstance(found, str) else None


def read_text(text: str) -> Text:
    """Return a flow's text, with the faults that it has as YAML."""
    faults = Faults()
    return Text(read_yaml(text, faults), faults, len(text))


def _subflows(value: Json, namespace: str) -> Iterator[Asked]:
    if isinstance(value, dict):
        members = cast("dict[str, Json]", value)
        own = members.get("properties")
        if members.get("type") == "core.subflow" and isinstance(own, dict):
            named = cast("dict[str, Json]", own)
            flow = named.get("flow")
            asked = (
                asked_flow(flow, named.get("revision"), namespace)
                if isinstance(flow, str)
                else None
            )
            yield from [asked] if asked is not None else []
        for each in members.values():
            yield from _subflows(each, namespace)
    elif isinstance(value, list):
        for each in cast("list[Json]", value):
            yield from _subflows(each, namespace)


def compile_flow(text: Text, name: str | None, namespace: str, pins: Mapping[Asked, Pin]) -> Flow:
    """Return what a flow means; raise `DocumentInvalid` with all its faults.

    `name` and `namespace` are what it is called elsewhere; its text says the same or nothing.
    `pins` are the flows that its tasks may execute.
    """
    document, faults, _ = text
    if not document.is_broken:
        flow = _Flow(document.data, name, namespace, pins, faults).flow()
        if flow is not None and not faults:
            warnings = document.located(flow[1])
            return flow[0]._replace(warnings=warnings)
    document.check(faults)
    raise AssertionError("what has no fault can be compiled")


def _is_read(key: str, value: Json) -> bool:
    return key == "tasks" or read({"tasks": [], key: value}, FlowForm, Faults()) is not None


class _Flow:
    """One reading of one flow."""

    def __init__(
        self,
        data: Json,
        name: str | None,
        namespace: str,
        pins: Mapping[Asked, Pin],
        faults: Faults,
    ) -> None:
        self.data = data
        self.name = name
        self.namespace = namespace
        self.pins = pins
        self.faults = faults
        self.warnings = Faults()
        self.written = Written(faults)
        self.reader = Reader(faults, self.written)
        self.room = Room()

    def flow(self) -> tuple[Flow, Faults] | None:
        """Return the flow and its warnings; None when it cannot be read."""
        data = self.data
        if not isinstance(data, dict):
            self.faults.add("", f"a flow is an object, not {kind(data)}")
            return None
        members = self.written.one(cast("dict[str, Json]", data), OF_FLOWS, "")
        form = read(members, FlowForm, self.faults)
        found = self._read(form, members) if form is not None else self._glance(members)
        self.written.restore()
        return None if found is None else (found, self.warnings)

    def _glance(self, members: dict[str, Json]) -> None:
        """Look for the other faults of a flow that cannot be read as a whole."""
        if members.get("tasks") is None:
            return
        unread = {key for key, value in members.items() if not _is_read(key, value)}
        rest = {key: value for key, value in members.items() if key not in unread}
        form = read(rest, FlowForm, Faults())
        if form is None or unread & _NAMED:
            # What tasks may name is not known: of them only how they hang together is looked at.
            self.reader.resolve(self.reader.graph(members["tasks"], "tasks"))
        else:
            self._read(form, rest)

    def _read(self, form: FlowForm, members: dict[str, Json]) -> Flow:
        self._check_names(form)
        inputs = inputs_of(form.inputs, self.faults)
        self._check_variables(form)
        main = self.reader.graph(form.tasks, "tasks")
        if form.tasks == []:
            self.faults.add("tasks", "must not be empty")
        epilogues = {
            key: self.reader.graph(members[key], key)
            for key in EPILOGUES
            if members.get(key) is not None
        }
        for graph in (main, *epilogues.values()):
            self.reader.resolve(graph)
        steps = self._steps(form, inputs, main, epilogues)
        definition = self._definition(form, inputs, steps)
        triggers = triggers_of(form.triggers, inputs, self.faults)
        if form.disabled:
            self.warnings.add("disabled", "the flow cannot be executed, and its triggers rest")
            triggers = tuple(one._replace(enabled=False) for one in triggers)
        return Flow(definition, form, self._labels(form), main.order, triggers, [])

    def _check_names(self, form: FlowForm) -> None:
        if form.name is not None and self.name not in (None, form.name):
            self.faults.add("name", f'is not the name of the flow, "{shown(self.name or "")}"')
        if form.name is None and self.name is None:
            self.faults.add("name", "is missing")
        if as_uuid(form.name or "") is not None:
            self.faults.add("name", "must not be a UUID: it would be taken for an id")
        if form.namespace is not None and form.namespace != self.namespace:
            self.faults.add("namespace", f'is not the flow\'s namespace, "{self.namespace}"')

    def _check_variables(self, form: FlowForm) -> None:
        said = {"variables": form.variables, "env": cast("dict[str, Json]", form.env)}
        for text, place in (one for key in said for one in texts(said[key], key)):
            if is_template(text):
                self.faults.add(place, "is no template here: variables are values")
        for name in form.env:
            if not _ENV_NAME.fullmatch(name):
                what = "must be letters, digits and _ and not begin with a digit"
                self.faults.add(below("env", name), what)

    def _labels(self, form: FlowForm) -> dict[str, str]:
        if len(form.labels) > MOST_LABELS:
            self.faults.add("labels", f"has more than {MOST_LABELS} items")
        for name in form.labels:
            if not 1 <= len(name) <= 64 or not name.isprintable():
                place = below("labels", name)
                self.faults.add(place, "a label's name has 1 to 64 printable characters")
        return {name: _label(value) for name, value in form.labels.items()}

    def _steps(
        self,
        form: FlowForm,
        inputs: tuple[Input, ...],
        main: Graph,
        epilogues: Mapping[str, Graph],
    ) -> tuple[Step, ...]:
        known = Known(
            manifests=manifests(),
            manifest=manifests().get,
            around=Surroundings(self.namespace, form.name or self.name or "", self.pins),
            names=self.reader.names,
            inputs=[one.name for one in inputs],
            vars=form.variables,
            room=self.room,
            faults=self.faults,
            warnings=self.warnings,
        )
        if form.concurrency is not None and form.concurrency.key is not None:
            known.scope(()).check_early(form.concurrency.key, "concurrency.key", self.faults)
        steps = list(compiled(main, main.upstream, known))
        steps += self._outputs(form, main, known)
        for key, graph in epilogues.items():
            seen = _and(main.names, graph)
            steps += [replace(step, after=EPILOGUES[key]) for step in compiled(graph, seen, known)]
        return tuple(steps)

    def _outputs(self, form: FlowForm, main: Graph, known: Known) -> list[Step]:
        """Return the step that makes the flow's outputs: it comes after all tasks."""
        if not form.outputs:
            return []
        known.scope(main.names).check(form.outputs, "outputs", self.faults)
        plugin = Plugin(id="core.set", input={"values": form.outputs})
        return [Step(ref=OUTPUTS, type="core.set", needs=tuple(main.names), plugin=plugin)]

    def _definition(
        self, form: FlowForm, inputs: tuple[Input, ...], steps: tuple[Step, ...]
    ) -> Definition:
        limit = form.concurrency
        return Definition(
            name=form.name or self.name or "",
            version="1",
            planner="dag",
            steps=steps,
            retry=retry_of(form.retry, "retry", self.faults) or Retry(),
            timeout=TIMEOUT_S,
            run_timeout=positive(form.timeout, "timeout", self.faults),
            max_runs=limit.limit if limit is not None else None,
            on_limit=_ON_LIMIT[limit.behavior] if limit is not None else "queue",
            lane=limit.key if limit is not None else None,
            language=LANGUAGE,
            aliases=WITH_ENV if self.room.roots & {"env", ""} else ALIASES,
            words=WORDS,
            inputs=inputs,
            vars=form.variables,
            env={name: _label(value) for name, value in form.env.items()},
            after_timeout=AFTER_TIMEOUT_S if any(step.after for step in steps) else None,
        )


_ON_LIMIT: Final[Mapping[str, OnLimit]] = {
    "QUEUE": "queue",
    "FAIL": "reject",
    "CANCEL": "cancel",
}


def _and(names: list[str], graph: Graph) -> Callable[[str], set[str]]:
    return lambda name: {*names, *graph.upstream(name)}


def _label(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.15g}"


def tasks_total(definition: Definition) -> int:
    """Return how many tasks an execution has: each loop is one, and no epilogue counts."""
    return sum(1 for step in definition.steps if is_task(step))


def is_task(step: Step) -> bool:
    """Say whether a step is one of the tasks that a flow counts."""
    return not step.after and step.ref != OUTPUTS
