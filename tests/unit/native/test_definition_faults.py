"""All that is wrong with a workflow is told at once, each fault with its place."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from mainspring.domain.errors import DefinitionInvalid
from mainspring_api.dialects.native.definitions.compile import compile_workflow
from mainspring_api.dialects.native.definitions.examples import ORDER
from mainspring_api.dialects.native.definitions.steps import Pin

Json = dict[str, Any]
CALL: Json = {"url": "http://peer/x"}
PINS = {"child": Pin("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "c" * 64)}


def step(ref: str, *needs: str, **more: Any) -> Json:
    kind = {"step_type": "http", "request": CALL} if "step_type" not in more else {}
    return {"step_ref": ref, **kind, "depends_on": list(needs), **more}


def waiting(ref: str, key: str, *needs: str, **more: Any) -> Json:
    return step(ref, *needs, step_type="wait_for_event", event_key=key, **more)


def workflow(*steps: Any, **more: Any) -> Json:
    return {"name": "W", "slug": "w", "steps": list(steps), **more}


def faults_of(source: Any) -> list[str]:
    with pytest.raises(DefinitionInvalid) as caught:
        compile_workflow(source, "1", PINS)
    return list(caught.value.faults)


def fault_of(*steps: Any, **more: Any) -> str:
    faults = faults_of(workflow(*steps, **more))
    assert len(faults) == 1, faults
    return faults[0]


def is_sound(*steps: Any, **more: Any) -> bool:
    return bool(compile_workflow(workflow(*steps, **more), "1", PINS).steps)


def test_the_example_of_the_document_compiles() -> None:
    assert len(compile_workflow(ORDER, "1", {}).steps) == 4


def test_the_example_of_the_docs_compiles() -> None:
    page = Path(__file__).parents[3].joinpath("docs/native.md").read_text()
    text = page.partition("## Definitions")[2].partition("```json")[2].partition("```")[0]
    assert len(compile_workflow(msgspec.json.decode(text), "1", {}).steps) == 4


def test_all_faults_are_told_at_once_each_with_its_place() -> None:
    source = workflow(
        step("charge", on_failure="compensate"),
        step("ship", "chargee", "ship", retry_backoff="random"),
        waiting("ok", "k\n", event_timeout_secs=-1),
        step("send", request={"url": "ftp://peer", "headers": {"Host": "x"}}),
        {"step_ref": "nap", "step_type": "sleep"},
        slug="a b",
        nme="x",
    )
    assert faults_of(source) == [
        'nme: is not known here (did you mean "name"?)',
        "slug: must be letters, digits and . _ - and begin with a letter or a digit",
        'steps[1].depends_on[0]: no step "chargee" (did you mean "charge"?)',
        'steps[1].depends_on[1]: step "ship" cannot need itself',
        'steps[0].on_failure: "compensate" is not one of continue, fail_workflow, skip_dependents',
        'steps[1].retry_backoff: "random" is not one of exponential, fixed',
        "steps[2].event_timeout_secs: must be more than 0",
        "steps[4].sleep_duration_secs: is missing",
        "steps[3].request.url: must begin with http:// or https:// and a host",
        "steps[3].request.headers.Host: is set by the engine",
    ]


@pytest.mark.parametrize("source", [None, [], "x", 7, True])
def test_what_is_no_object_is_no_workflow(source: Any) -> None:
    assert faults_of(source)[0].startswith("a workflow is an object, not ")


def test_a_workflow_has_a_name_a_slug_and_steps() -> None:
    assert faults_of({}) == ["name: is missing", "slug: is missing", "steps: is missing"]
    assert fault_of() == "steps: needs 1 to 1000 items, has 0"
    many = workflow(*(step(f"s{n}") for n in range(1001)))
    assert faults_of(many) == ["steps: needs 1 to 1000 items, has 1001"]


def test_a_thousand_steps_that_need_each_other_compile() -> None:
    refs = [f"s{n}" for n in range(1000)]
    steps = [step(ref, *refs[max(0, n - 100) : n]) for n, ref in enumerate(refs)]
    assert is_sound(*steps)


def test_a_slug_is_no_uuid() -> None:
    slug = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    assert fault_of(step("a"), slug=slug) == "slug: must not be a UUID: it would be taken for an id"


def test_a_step_ref_is_unique() -> None:
    assert fault_of(step("a"), step("a")) == 'steps[1].step_ref: "a" is that of steps[0] too'


@pytest.mark.parametrize("ref", ["down:x", "hook:on_success", "a.b", "a b", "", "a\n", "é"])
def test_a_step_ref_that_no_expression_could_name_or_the_engine_has_is_refused(ref: str) -> None:
    assert fault_of(step(ref)).startswith("steps[0].step_ref: must be letters, digits, _ and -")


def test_a_cycle_is_named() -> None:
    fault = fault_of(step("a", "c"), step("b", "a"), step("c", "b"), step("d"))
    assert fault.startswith("steps: need each other in a cycle: ")
    walk = fault.split(": ")[2].split(" → ")
    assert (walk[0], set(walk)) == (walk[-1], {"a", "b", "c"})


def test_a_need_that_is_named_twice_is_one_need() -> None:
    compiled = compile_workflow(workflow(step("a"), step("b", "a", "a")), "1", {})
    assert compiled.by_ref["b"].needs == ("a",)


def test_needs_of_a_step_that_cannot_be_read_are_judged_too() -> None:
    assert faults_of(workflow(step("a"), step("b", "other", timeout_secs="x"))) == [
        'steps[1].depends_on[0]: no step "other"',
        "steps[1].timeout_secs: a number is wanted, not a text",
    ]


def test_a_step_without_a_type_is_a_job_and_a_job_is_a_request() -> None:
    untyped = {"step_ref": "a", "request": CALL}
    compiled = compile_workflow(workflow(untyped), "1", {})
    assert compiled.by_ref["a"].kind == "task"
    assert fault_of({"step_ref": "a"}) == "steps[0].request: is missing"


def test_a_plugin_is_not_there() -> None:
    plugin = {"step_ref": "a", "step_type": "job", "plugin": "slack", "properties": {"x": 1}}
    assert fault_of(plugin) == 'steps[0].plugin: plugins are not available (plugin "slack")'
    lost = {"step_ref": "a", "step_type": "job", "request": CALL, "properties": {}}
    assert fault_of(lost) == "steps[0].properties: are for a plugin"


def test_a_type_that_is_none_is_told_with_those_that_are() -> None:
    fault = fault_of({"step_ref": "a", "step_type": "sleeep"})
    assert fault.startswith('steps[0].step_type: "sleeep" is not one of http, job, ')
    assert fault.endswith('(did you mean "sleep"?)')


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"retry_max_attempts": 0}, "retry_max_attempts: must be 1 or more"),
        ({"retry_max_attempts": 1.5}, "retry_max_attempts: a whole number is wanted"),
        ({"retry_initial_delay_secs": -1}, "retry_initial_delay_secs: must be 0 or more"),
        ({"timeout_secs": 0}, "timeout_secs: must be more than 0"),
        ({"timeout_secs": 86401}, "timeout_secs: must be 86400 or less"),
        ({"concurrency_key": " "}, "concurrency_key: must not be blank nor have control chara"),
        ({"depends_on": "a"}, "depends_on: a list is wanted, not a text"),
        ({"event_key": "x"}, "event_key: is not known here"),
        ({"condition": 7}, "condition: a typed condition or a CEL text is wanted, not a number"),
        ({"event_emit_key": "x" * 513}, "event_emit_key: the event key is longer than 512 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_field_is_told_where_it_stands(more: Json, fault: str) -> None:
    assert fault_of(step("a", **more)).startswith(f"steps[0].{fault}")


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("x" * 513, "the event key is longer than 512 bytes"),
        ("é" * 257, "the event key is longer than 512 bytes"),
        ("{{x}}" + "k" * 513, "the event key is longer than 512 bytes"),
        ("a\tb", "the event key has control characters"),
        (" ", "must not be blank"),
        ("{{x", 'line 1, column 1: tag is never closed by "}}"'),
    ],
)
def test_an_event_key_that_no_trigger_could_have_is_a_fault(key: str, fault: str) -> None:
    assert fault in fault_of(waiting("a", key))


def test_a_sub_workflow_names_one_that_is_there() -> None:
    lost = step("a", step_type="sub_workflow", sub_workflow_id="chil")
    assert fault_of(lost) == 'steps[0].sub_workflow_id: no workflow "chil"'
    compiled = compile_workflow(
        workflow(step("a", step_type="sub_workflow", sub_workflow_id="child")), "1", PINS
    )
    child = compiled.by_ref["a"].child
    assert child is not None
    assert (child.workflow, child.hash) == PINS["child"]


def test_a_workflow_runs_at_most_a_hundred_others() -> None:
    steps = [step(f"s{n}", step_type="sub_workflow", sub_workflow_id=f"w{n}") for n in range(101)]
    pins = {f"w{n}": PINS["child"] for n in range(100)}
    with pytest.raises(DefinitionInvalid) as caught:
        compile_workflow(workflow(*steps), "1", pins)
    assert caught.value.faults == ("steps: run more than 100 other workflows",)
    assert compile_workflow(workflow(*steps[:100]), "1", pins)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"cron": "* * * *"}, "cron: needs 5 fields, has 4"),
        ({"cron": "60 * * * *"}, 'cron: "60" is no minute from 0 to 59'),
        ({"cron": "* 5-3 * * *"}, 'cron: "5-3" is no hour from 0 to 23'),
        ({"cron": "*/0 * * * *"}, 'cron: "*/0" is no minute from 0 to 59'),
        ({"cron": "* * * foo *"}, 'cron: "foo" is no month from 1 to 12'),
        ({"cron": "@daily", "cron_timezone": "Mars/X"}, 'cron_timezone: no time zone "Mars/X"'),
        ({"cron": "@daily", "cron_timezone": "../etc"}, 'cron_timezone: no time zone "../etc"'),
        ({"cron_timezone": "Europe/Berlin"}, "cron_timezone: is for a workflow with cron"),
        ({"tags": {str(n): "" for n in range(21)}}, "tags: has more than 20 items"),
        ({"tags": {"": "x"}}, 'tags[""]: a tag\'s name has 1 to 64 printable characters'),
        ({"tags": {"a": 1}}, "tags.a: a text is wanted, not a number"),
        ({"timeout_secs": -1}, "timeout_secs: must be 0 or more"),
        ({"max_parallel_steps": -1}, "max_parallel_steps: must be 0 or more"),
        ({"description": "x" * 2001}, "description: is longer than 2000 characters"),
    ],
)
def test_what_is_wrong_with_a_workflow_is_told_where_it_stands(fields: Json, fault: str) -> None:
    assert fault_of(step("a"), **fields) == fault


@pytest.mark.parametrize(
    "cron", ["*/5 * * * *", "0 9-17 1,15 jan-mar MON", "0 0 * * 7", "@hourly", "5-10/2 * * * *"]
)
def test_a_sound_schedule_is_taken(cron: str) -> None:
    assert is_sound(step("a"), cron=cron, cron_timezone="Europe/Berlin")
