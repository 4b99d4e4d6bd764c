"""From a workflow as it is sent to the engine's own definition, or all faults at once.

Steps are read one by one, and what they refer to is taken from what was sent, readable or not: a
fault in one step hides none in another.  What compiles can be run to an end.
"""

from collections.abc import Collection, Mapping
from typing import Final, cast

from mainspring.domain.definition import Definition, Step
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http.answers import as_uuid
from mainspring.http.faults import Faults, below, item, shown
from mainspring.http.reading import read, read_list
from mainspring_api.dialects.native.definitions import wire
from mainspring_api.dialects.native.definitions.graph import Upstream, cycle_of, in_words
from mainspring_api.dialects.native.definitions.names import WORDS, aliases
from mainspring_api.dialects.native.definitions.schedule import check_schedule
from mainspring_api.dialects.native.definitions.steps import Known, Pin, compiled

DIALECT: Final = "native"
MOST_CHILDREN: Final = 100
DEFAULT_TYPE: Final = "job"


def compile_workflow(source: Json, version: str, pins: Mapping[str, Pin]) -> Definition:
    """Return the engine's form of a workflow; raise `DefinitionInvalid` with all faults.

    `pins` are the workflows that its steps may run, by the names that the steps give them.
    """
    faults = Faults()
    if not isinstance(source, dict):
        faults.add("", f"a workflow is an object, not {kind(source)}")
        faults.check()
    definition = _Workflow(cast("dict[str, Json]", source), pins, faults).compiled(version)
    faults.check()
    assert definition is not None, "what has no fault can be read"  # noqa: S101
    return definition


def children_of(source: Json) -> list[str]:
    """Return the names of the workflows that a workflow's steps run, each once."""
    found = dict.fromkeys(
        name
        for step in _steps_of(source)
        if isinstance(step, dict)
        and isinstance(name := cast("dict[str, Json]", step).get("sub_workflow_id"), str)
    )
    return list(found)


def _steps_of(source: Json) -> list[Json]:
    steps = cast("dict[str, Json]", source).get("steps") if isinstance(source, dict) else None
    return cast("list[Json]", steps) if isinstance(steps, list) else []


class _Workflow:
    """One reading of one workflow."""

    def __init__(self, source: dict[str, Json], pins: Mapping[str, Pin], faults: Faults) -> None:
        self.source = source
        self.faults = faults
        self.pins = pins
        self.steps = _steps_of(source)
        self.refs: dict[str, int] = {}
        self.bare: set[str] = set()

    def compiled(self, version: str) -> Definition | None:
        head = read(self.source, wire.LooseHead, self.faults)
        if head is not None:
            self._check_head(head)
        self._count_children()
        self._take_refs()
        needs = self._needs()
        steps = self._compile_steps(needs)
        return None if head is None else self._definition(head, version, steps)

    def _check_head(self, head: wire.Head) -> None:
        if as_uuid(head.slug) is not None:
            self.faults.add("slug", "must not be a UUID: it would be taken for an id")
        check_tags(head.tags, self.faults)
        check_schedule(head.cron, head.cron_timezone, self.faults)

    def _count_children(self) -> None:
        names = children_of(self.source)
        if len(names) > MOST_CHILDREN:
            self.faults.add("steps", f"run more than {MOST_CHILDREN} other workflows")
            # Nobody has looked for the rest, so nothing can be said of them.
            self.pins = {**dict.fromkeys(names[MOST_CHILDREN:], Pin("", "")), **self.pins}

    def _take_refs(self) -> None:
        """Learn the refs of all steps, readable or not, so that references can be judged."""
        for index, step in enumerate(self.steps):
            ref = cast("dict[str, Json]", step).get("step_ref") if isinstance(step, dict) else None
            if isinstance(ref, str) and self.refs.setdefault(ref, index) != index:
                first = item("steps", self.refs[ref])
                place = f"{item('steps', index)}.step_ref"
                self.faults.add(place, f'"{shown(ref)}" is that of {first} too')

    def _needs(self) -> dict[str, tuple[str, ...]]:
        """Return what each step needs, a set in the order given; wrong names are noted."""
        needs: dict[str, tuple[str, ...]] = {}
        for index, step in enumerate(self.steps[: wire.MOST_STEPS]):
            fields = cast("dict[str, Json]", step) if isinstance(step, dict) else {}
            ref: Json = fields.get("step_ref")
            given: Json = fields.get("depends_on")
            named = cast("list[Json]", given) if isinstance(given, list) else []
            place = f"{item('steps', index)}.depends_on"
            known = [
                need
                for at, need in enumerate(named[: wire.MOST_STEPS])
                if isinstance(need, str) and self._is_known(need, ref, item(place, at))
            ]
            if isinstance(ref, str):
                needs.setdefault(ref, tuple(dict.fromkeys(known)))
        return needs

    def _is_known(self, need: str, ref: Json, place: str) -> bool:
        if need == ref:
            self.faults.add(place, f'step "{shown(need)}" cannot need itself')
        elif need not in self.refs:
            self.faults.unknown(place, "step", need, self.refs)
        else:
            return True
        return False

    def _compile_steps(self, needs: Mapping[str, tuple[str, ...]]) -> list[Step]:
        cycle = cycle_of(needs)
        if cycle:
            self.faults.add("steps", f"need each other in a cycle: {in_words(cycle)}")
        upstream = None if cycle else Upstream(needs)

        def seen(ref: str) -> Collection[str]:
            # In a circle nothing is upstream of anything: that is one fault and not many.
            return self.refs if upstream is None else upstream.of(ref)

        known = Known(self.refs, seen, self.pins, self.bare, self.faults)
        return [
            compiled(step, needs.get(step.step_ref, ()), item("steps", index), known)
            for index, step in self._readable().items()
        ]

    def _readable(self) -> dict[int, wire.Step]:
        given = self.source.get("steps")
        if given is None:
            return {}
        if isinstance(given, list) and not 1 <= len(self.steps) <= wire.MOST_STEPS:
            self.faults.add("steps", f"needs 1 to {wire.MOST_STEPS} items, has {len(self.steps)}")
            return {}
        typed = [_typed(step) for step in self.steps] if isinstance(given, list) else given
        return read_list(typed, wire.Step, self.faults, "steps")

    def _definition(self, head: wire.Head, version: str, steps: list[Step]) -> Definition:
        return Definition(
            name=head.slug,
            version=version,
            planner="dag",
            steps=tuple(steps),
            max_parallel=head.max_parallel_steps or None,
            max_runs=head.max_concurrent_runs or None,
            run_timeout=head.timeout_secs or None,
            aliases=aliases(self.bare),
            words=WORDS,
        )


def _typed(step: Json) -> Json:
    """Return a step with its type: one that says none is a job."""
    if not isinstance(step, dict):
        return step
    fields = cast("dict[str, Json]", step)
    is_typed = fields.get("step_type") is not None
    return fields if is_typed else {**fields, "step_type": DEFAULT_TYPE}


def check_tags(tags: Mapping[str, str], faults: Faults) -> None:
    """Note tags that are too many, and names that are none."""
    if len(tags) > wire.MOST_TAGS:
        faults.add("tags", f"has more than {wire.MOST_TAGS} items")
    for name in tags:
        if not 1 <= len(name) <= 64 or not name.isprintable():
            faults.add(below("tags", name), "a tag's name has 1 to 64 printable characters")
