"""Whatever is written in a workflow, it compiles or has faults, each with a place in the text."""

import json
from typing import Any, cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.domain.definition import Definition
from mainspring.domain.expression import compile_template, guard_references
from mainspring.http.faults import Faults
from mainspring.plugin import installed
from mainspring_api.dialects.runs.actions import Known, Pin
from mainspring_api.dialects.runs.compile import children_of, compile_workflow, name_of
from mainspring_api.dialects.runs.plan import plan_of
from mainspring_api.dialects.yamls import DocumentInvalid, Fault, read_yaml

PLUGINS = installed()
KNOWN = Known(PLUGINS, {("other", None): Pin("o", None), ("other", 1): Pin("o", "h")}, "w")
WHOLE: dict[str, Any] = {
    "name": "w",
    "description": "x",
    "inputs": {"n": {"type": "number", "default": 1, "enum": [1, 2]}, "s": None},
    "triggers": [
        {"type": "cron", "schedule": "*/5 * * * *", "timezone": "UTC", "inputs": {"n": 1}},
        {"type": "webhook", "path": "/hooks/a", "secret": "s"},
    ],
    "steps": [
        {"name": "a", "action": "util.log", "params": {"message": "{{ inputs.n }}"}},
        {
            "name": "b-c",
            "action": "http/request",
            "params": {"url": "http://a/{{ steps.a.output.x }}", "headers": {"x": "y"}, "body": 1},
            "if": "steps.a.error == null",
            "retry": {"max_attempts": 2, "backoff": "fixed", "delay": "1s", "max_delay": "2s"},
            "timeout": "5s",
            "continue_on_error": True,
            "depends_on": ["a"],
        },
        {"name": "d", "action": "workflow/run", "params": {"workflow": "other", "inputs": {}}},
        {"name": "e", "action": "core.sleep", "params": {"duration": "1s"}},
        {"name": "f", "action": "core.gate", "params": {"message": "m", "approvers": ["x"]}},
    ],
    "timeout": "1h",
    "max_parallel_executions": 2,
    "on_limit": "queue",
    "hooks": {
        "timeout": "1m",
        "on_success": [{"name": "h", "action": "util.log", "params": {"message": "x"}}],
        "on_finish": [{"name": "i", "action": "core.set", "if": "hooks.h.output.x"}],
    },
}
WORDS = [
    *("", " ", "{{", "{{ x }}", "{{ steps.a.output }}", "{{ env.X }}", "steps.b-c", "[1]", "1s"),
    *("a", "b-c", "other", "-", "util.log", "core.if", "core.gate", "workflow/run", "x" * 300),
]
TEXTS = st.sampled_from(WORDS) | st.text(max_size=8)
NONSENSE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([1.5, 2**63, -(2**63)])
    | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "action", "x", "type"]) | TEXTS, inner, max_size=3
        )
    ),
    max_leaves=6,
)


def mutated(value: Any, data: st.DataObject) -> Any:
    """Return a value with nonsense in place of one part of it, at any depth."""
    if not isinstance(value, dict | list) or not value or data.draw(st.integers(0, 4)) == 0:
        return data.draw(NONSENSE)
    if isinstance(value, list):
        items = list(cast("list[Any]", value))
        index = data.draw(st.sampled_from(range(len(items))))
        items[index] = mutated(items[index], data)
        return items
    members = dict(cast("dict[str, Any]", value))
    name = data.draw(st.sampled_from(sorted(members)))
    members[name] = mutated(members[name], data)
    return members


def refusal_of(text: str) -> tuple[Definition | None, tuple[Fault, ...]]:
    """Return what a text compiles to, or all its faults."""
    faults = Faults()
    document = read_yaml(text, faults)
    children_of(document.data)
    name_of(document.data)
    try:
        return compile_workflow(document, KNOWN, faults).definition, ()
    except DocumentInvalid as refused:
        return None, refused.located


@settings(max_examples=300)
@given(st.data())
def test_a_workflow_compiles_or_all_its_faults_have_a_place(data: st.DataObject) -> None:
    whole: Any = WHOLE
    for _ in range(data.draw(st.integers(1, 3))):
        whole = mutated(whole, data)
    text = json.dumps(whole)
    definition, faults = refusal_of(text)
    assert all(each.line == 1 and (each.column or 0) >= 1 for each in faults)
    assert msgspec.json.encode(faults)
    if definition is None:
        assert faults
        return
    assert_sound(definition)
    assert plan_of("w", text, whole, None, 1).changed


def assert_sound(definition: Definition) -> None:
    """Assert that whatever compiles can be stored, read back, and looked at by the engine."""
    stored = msgspec.json.decode(msgspec.json.encode(definition), type=Definition)
    assert stored.hash == definition.hash
    assert set(definition.dependants) == set(definition.by_ref)
    for step in definition.steps:
        for template in (
            step.plugin and step.plugin.input,
            step.pause,
            step.child and step.child.payload,
        ):
            compile_template(template, "cel")
        if step.when is not None:
            guard_references(step.when)
    assert definition.names


@given(NONSENSE)
def test_nonsense_is_no_workflow(value: Any) -> None:
    definition, faults = refusal_of(json.dumps(value))
    assert definition is None
    assert faults
