"""Each task in the engine's form, with what can be wrong inside of one task."""

from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple, cast

from mainspring.domain.definition import Cache, Each, OnFailure, Plugin, Retry, Step
from mainspring.domain.message import Json, replace
from mainspring.http.faults import Faults
from mainspring.http.reading import read
from mainspring.plugin import Manifest
from mainspring_api.dialects.flows.definitions import controls
from mainspring_api.dialects.flows.definitions.expressions import (
    Room,
    Scope,
    is_template,
)
from mainspring_api.dialects.flows.definitions.form import CacheForm, EachForm, RetryForm, TaskForm
from mainspring_api.dialects.flows.definitions.guards import NEVER, check_rule, joined, rule_of
from mainspring_api.dialects.flows.definitions.nodes import Graph, Node
from mainspring_api.dialects.flows.definitions.properties import check_properties
from mainspring_api.dialects.flows.definitions.spans import LONGEST_TRY_S, positive, retry_of

Manifests = Callable[[str], Manifest | None]
_LOOPS: Final = ("core.forEach",)
_HOLDERS: Final = frozenset({"core.forEach", "core.if", "core.switch", "core.parallel"})
"""Types that have other tasks inside."""

_UNKEPT: Final = frozenset({"core.if", "core.switch"})
"""Types whose output is no more than a choice."""

_UNTRIED: Final = frozenset({"core.sleep", "core.gate", "core.forEach", "core.parallel"})
"""Types of which there is nothing to try again."""

_UNTIMED: Final = (_UNTRIED | {"core.subflow"}) - {"core.forEach"}
"""Types that take their time: it is not that of one try, nor that of a loop as a whole."""

_INSIDE: Final = {
    "core.forEach": ": give it to the tasks inside",
    "core.parallel": ": give it to the tasks of its branches",
}


class Known(NamedTuple):
    """What all tasks of a flow may refer to."""

    manifests: Collection[str]
    manifest: Manifests
    around: controls.Surroundings
    names: Collection[str]
    inputs: Collection[str]
    vars: Collection[str]
    room: Room
    faults: Faults
    warnings: Faults

    def scope(self, seen: Collection[str]) -> Scope:
        """Return what a task sees that comes after these."""
        return Scope(self.names, seen, self.inputs, self.vars, self.room)


def compiled(
    graph: Graph, seen: Callable[[str], Collection[str]], known: Known, *, in_loop: bool = False
) -> Iterator[Step]:
    """Yield the tasks of a graph as steps; those that cannot be read are left out."""
    for node in graph.nodes:
        if node.form is not None:
            scope = known.scope(seen(node.name))._replace(in_loop=in_loop)
            yield _Task(node, node.form, scope, known).step()


class _Task:
    """One task: where it stands, and what it sees."""

    def __init__(self, node: Node, form: TaskForm, scope: Scope, known: Known) -> None:
        self.node = node
        self.form = form
        self.scope = scope
        self.known = known
        self.faults = known.faults
        self.place = node.place

    def step(self) -> Step:
        """Return the task, done for each item of a list if it says so."""
        rule = rule_of(self.form.when, f"{self.place}.when", self.faults)
        reads_item = check_rule(rule, f"{self.place}.when", self._inside(), self.faults)
        each = self._each_form()
        own = self._parts(each)
        whole = self._whole("" if each is not None and reads_item else rule)
        if each is None:
            return Step(ref=self.node.name, **whole, **own)
        # What the condition says of an item is asked of each.
        inner = Step(ref=self.node.name, type=self.form.type, when=joined(rule), **own)
        if not reads_item:
            inner = replace(inner, when=None)
        return Step(ref=self.node.name, kind="each", each=self._each(each, (inner,)), **whole)

    def _inside(self) -> Scope:
        """Return what the task sees; one that is done item by item sees its item."""
        in_loop = self.scope.in_loop or self.form.for_each is not None
        return self.scope._replace(in_loop=in_loop)

    def _whole(self, rule: str) -> controls.Parts:
        """Return what is the same for all kinds of steps."""
        if self.form.disabled:
            self.known.warnings.add(self.place, "is disabled: it is skipped")
        elif rule == "false":
            self.known.warnings.add(f"{self.place}.when", "is never true: the task is skipped")
        return {
            "type": self.form.type,
            "needs": self.node.needs,
            "awaits": self.node.awaits,
            "when": NEVER if self.form.disabled else joined(*self.node.guards, rule),
            "on_failure": self._on_failure(),
        }

    def _on_failure(self) -> OnFailure:
        if self.form.continue_on_error or any(
            node.form is not None and node.form.continue_on_error for node in self.node.around()
        ):
            return "continue"
        waits = any(_waits_for_others(node) for node in self.node.around())
        return "skip_dependents" if waits else "fail"

    def _each_form(self) -> EachForm | None:
        if self.form.for_each is None:
            return None
        place, given = f"{self.place}.forEach", self.form.for_each
        if self.form.type in _HOLDERS or self.node.inner:
            what = f"is not for {self.form.type}: put the task into a core.forEach"
            self.faults.add(place, what)
        if isinstance(given, dict):
            return read(cast("Json", given), EachForm, self.faults, place)
        return EachForm(items=given)

    def _each(self, form: EachForm, steps: tuple[Step, ...], *, at: str = "forEach") -> Each:
        place = f"{self.place}.{at}"
        items = form.items
        is_direct = at == "forEach" and not isinstance(self.form.for_each, dict)
        self._check_items(items, place if is_direct else f"{place}.items")
        timed = f"{place}.timeout" if at == "forEach" else f"{self.place}.timeout"
        if form.timeout is not None and any(map(_has_child, steps)):
            what = "is not for a loop with a core.subflow in it: give that flow a timeout"
            self.faults.add(timed, what)
        return Each(
            items=items,
            steps=steps,
            concurrency=form.concurrency or None,
            fail_fast=form.fail_fast,
            batch=form.batch_size,
            timeout=positive(form.timeout, timed, self.faults),
        )

    def _check_items(self, items: Json, place: str) -> None:
        self.scope._replace(has_store=False).check(items, place, self.faults)
        is_list = isinstance(items, list | dict)
        if not is_list and not (isinstance(items, str) and is_template(items)):
            self.faults.add(place, "a list, an object, or a template that gives one is wanted")
        elif not items:
            self.known.warnings.add(place, "is empty: there is nothing to do")

    def _parts(self, each: EachForm | None) -> controls.Parts:
        """Return what the kind of task says; its properties are checked."""
        manifest = self._manifest()
        scope = self._inside() if each is not None else self.scope
        place = f"{self.place}.properties"
        if manifest is not None:
            check_properties(manifest, self.form.properties, place, self.faults)
        loop = self.form.type in _LOOPS
        own = {key: value for key, value in self.node.own.items() if not (loop and key == "items")}
        is_called = manifest is None or not manifest.is_control
        scope._replace(has_store=is_called).check(own, place, self.faults)
        if manifest is None:
            return {}
        kept = self.form.cache is not None and self.form.cache is not False
        if kept and (manifest.is_control or self.form.type in _UNKEPT):
            self.faults.add(f"{self.place}.cache", f"is not for {self.form.type}: it calls nothing")
        return {**self._kind(), **self._tries()}

    def _manifest(self) -> Manifest | None:
        found = self.known.manifest(self.form.type)
        if found is None:
            self.faults.unknown(
                f"{self.place}.type", "plugin", self.form.type, self.known.manifests
            )
        return found

    def _kind(self) -> controls.Parts:
        own = self.node.own
        match self.form.type:
            case "core.sleep":
                return controls.sleep(own, self.place, self.faults)
            case "core.gate":
                parts = controls.gate(own, self.place, self.faults)
                return parts if not self.node.inner else controls.tolerant(parts)
            case "core.subflow":
                found = controls.subflow(own, self.place, self.known.around, self.faults)
                if found.warning:
                    self.known.warnings.add(f"{self.place}.properties.flow", found.warning)
                return found.parts
            case "core.parallel":
                return {"kind": "join", "joins": self.node.joins}
            case "core.forEach":
                return self._loop()
            case "core.switch":
                controls.check_cases(own, self.place, self.faults)
            case _:
                pass
        return {"plugin": Plugin(id=self.form.type, input=own, cache=self._cache())}

    def _cache(self) -> Cache | None:
        place, given = f"{self.place}.cache", self.form.cache
        if given is None or given is False or self.form.type in _UNKEPT:
            return None
        if isinstance(given, dict):
            form = read(cast("Json", given), CacheForm, self.faults, place)
            place = f"{place}.ttl"
        elif given is True:
            form = CacheForm()
        else:
            form = read({"ttl": given}, CacheForm, Faults())
            if form is None:
                self.faults.add(place, "true, a span of time, or ttl and key are wanted")
        if form is None:
            return None
        if form.key is not None:
            self._inside().check(form.key, f"{self.place}.cache.key", self.faults)
        ttl = positive(form.ttl, place, self.faults)
        return None if ttl is None else Cache(ttl=ttl, key=form.key)

    def _loop(self) -> controls.Parts:
        graph, own = self.node.loop, self.node.own
        assert graph is not None, "a loop has been read with its tasks"  # noqa: S101
        seen = self.scope.seen

        def inside(name: str) -> Collection[str]:
            return {*seen, *graph.upstream(name)}

        steps = compiled(graph, inside, self.known, in_loop=True)
        form = EachForm(
            items=own.get("items"),
            concurrency=_whole_number(own.get("concurrency"), 1),
            fail_fast=own.get("failFast") is True,
            batch_size=_whole_number(own.get("batchSize"), 1),
            timeout=self.form.timeout,
        )
        return {"kind": "each", "each": self._each(form, tuple(steps), at="properties")}

    def _retry(self) -> Retry | None:
        if self.form.retry is None:
            return None
        place = f"{self.place}.retry"
        return retry_of(read(self.form.retry, RetryForm, self.faults, place), place, self.faults)

    def _tries(self) -> controls.Parts:
        for name, told, without in (
            ("retry", self.form.retry, _UNTRIED),
            ("timeout", self.form.timeout, _UNTIMED),
        ):
            if told is not None and self.form.type in without:
                hint = _INSIDE.get(self.form.type, "")
                self.faults.add(f"{self.place}.{name}", f"is not for {self.form.type}{hint}")
        place = f"{self.place}.timeout"
        if self.form.type in _LOOPS:
            return {"retry": self._retry()}
        return {
            "retry": self._retry(),
            "timeout": positive(self.form.timeout, place, self.faults, most=LONGEST_TRY_S),
        }


def _waits_for_others(node: Node) -> bool:
    return node.is_parallel and node.own.get("failFast") is not True


def _has_child(step: Step) -> bool:
    inner = step.each.steps if step.each is not None else ()
    return step.kind == "child" or any(map(_has_child, inner))


def _whole_number(given: Json, default: int) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) else default
