"""From a workflow's YAML to the engine's own definition, or all its faults, each with its line.

Steps are read one by one, and what they refer to is taken from what was written, readable or not: a
fault in one step hides none in another.  What compiles can be run to an end.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from mainspring.domain.definition import Definition, Ending, Step
from mainspring.domain.expression import Path
from mainspring.domain.expression.values import kind
from mainspring.domain.inputs import Input, fault_of
from mainspring.domain.message import Json, replace
from mainspring.http.faults import Faults, below, item, shown
from mainspring.http.reading import read
from mainspring.plugin import Registry
from mainspring_api.dialects.native.definitions.graph import cycle_of, in_words
from mainspring_api.dialects.runs import actions, steps, wire
from mainspring_api.dialects.runs.expressions import Budget
from mainspring_api.dialects.runs.names import WORDS, Scope, aliases
from mainspring_api.dialects.runs.triggers import Starts, triggers_of
from mainspring_api.dialects.yamls import Document

DIALECT: Final = "runs"
MOST_CHILDREN: Final = 100
RESERVED: Final = "validate"
_BLOCKS: Final[Mapping[str, tuple[Ending, ...]]] = {
    "on_success": ("succeeded",),
    "on_failure": ("failed", "timed_out"),
    "on_finish": ("succeeded", "failed", "timed_out"),
}
"""After which ends a hook runs; a run that was cancelled has none."""

_MISSING: Final = {
    "token_budget": "this server counts no tokens",
    "artifacts": "this server stores no artifacts",
    "credential": "credentials are not configured on this server",
    "env": "the environment is the server's: variables that begin with MAINSPRING_ENV_",
}


class Workflow(NamedTuple):
    """What a document says: what is run, and what starts it."""

    definition: Definition
    starts: tuple[Starts, ...]


def compile_workflow(
    document: Document, known: actions.Known, faults: Faults, version: str = "1"
) -> Workflow:
    """Return the engine's form of a workflow; raise `DocumentInvalid` with all faults."""
    found = None if document.is_broken else _Reading(document.data, known, faults).whole(version)
    document.check(faults)
    assert found is not None, "what has no fault can be read"  # noqa: S101
    return found


def children_of(data: Json) -> list[tuple[str, int | None]]:
    """Return the workflows that steps and hooks run, by name and version, each once."""
    found: dict[tuple[str, int | None], None] = {}
    for step in _every_step(data):
        asked = actions.child_of(step.get("action"), step.get("params"))
        if asked is not None:
            found[asked] = None
    return list(found)


def name_of(data: Json) -> str | None:
    """Return the name that a workflow gives itself, if that is a text."""
    name = _fields(data).get("name")
    return name if isinstance(name, str) else None


def _every_step(data: Json) -> list[dict[str, Json]]:
    fields = _fields(data)
    hooks = _fields(fields.get("hooks"))
    lists = (fields.get("steps"), *(hooks.get(block) for block in _BLOCKS))
    items = [each for one in lists if isinstance(one, list) for each in cast("list[Json]", one)]
    return [cast("dict[str, Json]", each) for each in items if isinstance(each, dict)]


def _fields(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


class _Hook(NamedTuple):
    """A hook as it is written, and where."""

    block: str
    place: str
    value: Json


class _Reading:
    """One reading of one workflow."""

    def __init__(self, data: Json, known: actions.Known, faults: Faults) -> None:
        self.data = data
        self.fields = _fields(data)
        self.known = known
        self.faults = faults
        self.names = dict.fromkeys(steps.names_of(self.fields.get("steps")))
        self.paths: set[Path] = set()
        self.budget = Budget()

    def whole(self, version: str) -> Workflow | None:
        if not isinstance(self.data, dict):
            self.faults.add("", f"a workflow is an object, not {kind(self.data)}")
            return None
        head = self._head()
        inputs = self._inputs()
        hooks = self._hook_steps()
        self._check_names(hooks)
        made = self._steps(inputs, [each for each in map(_hook_name, hooks) if each])
        made += self._hooks(hooks, inputs)
        listed = steps.listed(
            self.fields.get("triggers"), "triggers", self.faults, most=wire.MOST_TRIGGERS
        )
        starts = triggers_of(listed, inputs, "triggers", self.faults)
        limits = self._limits()
        if head is None:
            return None
        definition = self._definition(head, version, made, inputs or (), limits)
        return Workflow(definition, tuple(starts))

    def _head(self) -> wire.LooseWorkflow | None:
        for name, why in _MISSING.items():
            if self.fields.get(name) is not None:
                self.faults.add(name, why)
        if self.fields.get("name") == RESERVED:
            self.faults.add("name", f'"{RESERVED}" is the name of a route: choose another one')
        fields = {name: each for name, each in self.fields.items() if name not in _MISSING}
        return read(fields, wire.LooseWorkflow, self.faults)

    def _inputs(self) -> tuple[Input, ...] | None:
        """Return the declared inputs; None when they cannot be read, so nothing is said of them."""
        given = self.fields.get("inputs")
        if given is None:
            return ()
        if not isinstance(given, dict):
            self.faults.add("inputs", f"an object is wanted, not {kind(given)}")
            return None
        members = cast("dict[str, Json]", given)
        if len(members) > wire.MOST_INPUTS:
            self.faults.add("inputs", f"has more than {wire.MOST_INPUTS} items")
            return None
        return tuple(self._input(name, each) for name, each in members.items())

    def _input(self, name: str, value: Json) -> Input:
        place = below("inputs", name)
        if not _is_input_name(name):
            self.faults.add(place, "must be lower-case letters, digits and _, and begin so")
        asked = read({} if value is None else value, wire.Input, self.faults, place)
        if asked is None:
            return Input(name=name)
        has_default = _fields(value).get("default") is not None
        made = Input(
            name=name,
            type=asked.type or "any",
            required=asked.required,
            has_default=has_default,
            default=asked.default,
            enum=asked.enum,
            description=asked.description,
        )
        fault = fault_of(made, asked.default) if has_default else None
        if fault is not None:
            self.faults.add(f"{place}.default", fault)
        for index, each in enumerate(asked.enum or ()):
            wrong = fault_of(replace(made, enum=None), each)
            if wrong is not None:
                self.faults.add(item(f"{place}.enum", index), wrong)
        return made

    def _hook_steps(self) -> list[_Hook]:
        """Return the steps of all hooks, as they are written, in the order in which they run."""
        given = self.fields.get("hooks")
        head = read(given, wire.LooseHooks, self.faults, "hooks") if given is not None else None
        found: list[_Hook] = []
        for block in _BLOCKS if head is not None else ():
            place = f"hooks.{block}"
            values = steps.listed(getattr(head, block), place, self.faults, most=wire.MOST_HOOKS)
            found += [_Hook(block, item(place, at), each) for at, each in enumerate(values)]
        return found

    def _check_names(self, hooks: Sequence[_Hook]) -> None:
        """Note names that are given twice, to steps or to hooks."""
        listed = self.fields.get("steps")
        items = cast("list[Json]", listed) if isinstance(listed, list) else []
        named = [(item("steps", at), each) for at, each in enumerate(items)]
        first: dict[str, str] = {}
        for place, value in (*named, *((hook.place, hook.value) for hook in hooks)):
            name = _fields(value).get("name")
            if isinstance(name, str) and first.setdefault(name, place) != place:
                self.faults.add(f"{place}.name", f'"{shown(name)}" is that of {first[name]} too')

    def _steps(self, inputs: Sequence[Input] | None, hooks: Collection[str]) -> list[Step]:
        listed = steps.listed(self.fields.get("steps"), "steps", self.faults, most=wire.MOST_STEPS)
        if not listed and isinstance(self.fields.get("steps"), list):
            self.faults.add("steps", "at least one step is wanted")
        made = [
            self._step(value, item("steps", at), inputs, hooks) for at, value in enumerate(listed)
        ]
        needs = {step.ref: step.needs for step in made}
        needs.pop("", None)  # one whose name could not be read
        cycle = cycle_of(needs)
        if cycle:
            self.faults.add("steps", f"depend on each other in a cycle: {in_words(cycle)}")
        return made

    def _step(
        self, value: Json, place: str, inputs: Sequence[Input] | None, hooks: Collection[str]
    ) -> Step:
        step = steps.read_step(value, place, self.faults, is_hook=False)
        scope = Scope(step.name, self.names, hooks, _names(inputs))
        found = steps.compiled(step, place, steps.Seen(scope, self.budget, self.known, self.faults))
        self.paths |= found.paths
        named = self._check_depends_on(_fields(value), place)
        return replace(found.step, needs=tuple(dict.fromkeys((*named, *scope.read(found.paths)))))

    def _check_depends_on(self, step: Mapping[str, Json], place: str) -> list[str]:
        """Return the steps that a step says it depends on; wrong names are noted."""
        given = step.get("depends_on")
        found: list[str] = []
        for at, name in enumerate(cast("list[Json]", given) if isinstance(given, list) else []):
            here = item(f"{place}.depends_on", at)
            if not isinstance(name, str) or at >= wire.MOST_STEPS:
                continue  # told already
            if name == step.get("name"):
                self.faults.add(here, f'step "{shown(name)}" cannot depend on itself')
            elif name not in self.names:
                self.faults.unknown(here, "step", name, self.names)
            else:
                found.append(name)
        return found

    def _hooks(self, hooks: Sequence[_Hook], inputs: Sequence[Input] | None) -> list[Step]:
        """Return the hooks: each block one after the other, and `on_finish` after its others."""
        known = [name for name in map(_hook_name, hooks) if name]
        ran: dict[str, list[str]] = {block: [] for block in _BLOCKS}
        made: list[Step] = []
        for hook in hooks:
            step = steps.read_step(hook.value, hook.place, self.faults, is_hook=True)
            before = _before(hook.block, ran)
            scope = Scope(step.name, self.names, known, _names(inputs), True, before)
            seen = steps.Seen(scope, self.budget, self.known, self.faults)
            found = steps.compiled(step, hook.place, seen, after=_BLOCKS[hook.block])
            self.paths |= found.paths
            made.append(replace(found.step, needs=tuple(_just_before(hook.block, ran))))
            ran[hook.block].append(step.name)
        return made

    def _limits(self) -> dict[str, float | None]:
        hooks = _fields(self.fields.get("hooks"))
        return {
            "run_timeout": steps.limit_of(self.fields.get("timeout"), "timeout", self.faults),
            "after_timeout": steps.limit_of(hooks.get("timeout"), "hooks.timeout", self.faults),
        }

    def _definition(
        self,
        head: wire.LooseWorkflow,
        version: str,
        made: Sequence[Step],
        inputs: Sequence[Input],
        limits: Mapping[str, Any],
    ) -> Definition:
        return Definition(
            name=head.name,
            version=version,
            planner="dag",
            steps=tuple(made),
            max_runs=head.max_parallel_executions or None,
            on_limit=head.on_limit,
            language="cel",
            aliases=aliases(with_env=any(path[:1] == ("env",) for path in self.paths)),
            words=WORDS,
            inputs=tuple(inputs),
            **limits,
        )


def _hook_name(hook: _Hook) -> str | None:
    name = _fields(hook.value).get("name")
    return name if isinstance(name, str) else None


def _names(inputs: Sequence[Input] | None) -> frozenset[str] | None:
    return None if inputs is None else frozenset(each.name for each in inputs)


def _is_input_name(name: str) -> bool:
    plain = name.isascii() and name.replace("_", "a").isalnum() and len(name) <= wire.LONGEST_NAME
    return plain and name == name.lower() and name[:1].isalpha()


def _before(block: str, ran: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return the hooks whose results a hook of this block may read."""
    blocks = _BLOCKS if block == "on_finish" else (block,)
    return frozenset(name for each in blocks for name in ran[each])


def _just_before(block: str, ran: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the hooks that a hook waits for: the last one of its own block, or of each other."""
    if ran[block] or block != "on_finish":
        return list(ran[block][-1:])
    return [name for each in ("on_success", "on_failure") for name in ran[each][-1:]]


def registered(plugins: Registry, itself: str) -> actions.Known:
    """Return what actions may refer to when no other workflow is looked for."""
    return actions.Known(plugins, {}, itself)
