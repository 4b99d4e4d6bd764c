"""Templates and conditions name what is there by then, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.native.test_definition_faults import (
    CALL,
    PINS,
    Json,
    fault_of,
    faults_of,
    is_sound,
    step,
    waiting,
    workflow,
)

from mainspring.domain.expression import Guard
from mainspring.http.faults import Faults
from mainspring_api.dialects.native.definitions.compile import compile_workflow
from mainspring_api.dialects.native.definitions.conditions import guard_of
from mainspring_api.dialects.native.definitions.names import Scope


def sending(body: Any) -> tuple[Json, ...]:
    """Return a, then b, then c, which sends a body; d is beside them."""
    return step("a"), step("b", "a"), step("c", "b", request={**CALL, "body": body}), step("d")


@pytest.mark.parametrize(
    "body",
    [
        "{{payload.x}}",
        "{{x}} {{order.id}} {{{y}}}",
        {"deep": [{"v": "{{steps.a.output.y.0}}"}]},
        "{{steps.b.response.status}} {{steps.b.response.headers.etag}} {{steps.a.status}}",
        "{{run.id}} {{run.tags.team}}",
        "{{#items}}{{name}} {{.}}{{/items}}",
        "{{steps.a.response.body.x}}",
    ],
)
def test_what_lies_upstream_may_be_named(body: Any) -> None:
    assert is_sound(*sending(body))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("{{steps.aa.output}}", 'no step "aa"'),
        ("{{steps.d.output}}", 'step "d" is not upstream of this one: name it in depends_on'),
        ("{{steps.c.output}}", 'step "c" is not upstream of this one: name it in depends_on'),
        ("{{steps.a.outptu}}", '"steps.a" has no "outptu" (did you mean "output"?)'),
        ("{{steps.a.status.x}}", '"steps.a.status" has no "x"'),
        ("{{steps.a.response.headers.ETag}}", 'headers have lower-case names: "ETag" is "etag"'),
        ("{{run.uuid}}", '"run" has no "uuid"'),
        ("{{x", "line 1, column 1: tag is never closed by \"}}\""),
        ("{{#s}}{{steps.d.output}}{{/s}}", 'step "d" is not upstream of this one'),
    ],
)  # fmt: skip
def test_a_name_that_is_not_there_by_then_is_a_fault(body: str, fault: str) -> None:
    assert fault_of(*sending({"v": body})).startswith(f"steps[2].request.body.v: {fault}")


def test_every_template_of_a_step_is_looked_at() -> None:
    bad = "{{steps.no.output}}"
    call = {"url": f"http://peer/{bad}", "headers": {"X-A": bad}, "body": bad}
    steps = [
        step("a", request=call, compensation=call, event_emit_key=bad),
        waiting("b", bad, payload={"p": bad}, event_notify_url=f"http://peer/{bad}"),
        step("c", step_type="approval", payload=[bad]),
        step("d", step_type="sub_workflow", sub_workflow_id="child", payload={"p": bad}),
        step("e", payload={"p": bad}),
    ]
    places = [fault.partition(": ")[0] for fault in faults_of(workflow(*steps))]
    assert sorted(places) == [
        "steps[0].compensation.body",
        "steps[0].compensation.headers.X-A",
        "steps[0].compensation.url",
        "steps[0].event_emit_key",
        "steps[0].request.body",
        "steps[0].request.headers.X-A",
        "steps[0].request.url",
        "steps[1].event_key",
        "steps[1].event_notify_url",
        "steps[1].payload.p",
        "steps[2].payload[0]",
        "steps[3].payload.p",
        "steps[4].payload.p",
    ]


def test_an_emitted_key_may_name_the_step_itself_and_a_compensation_every_step() -> None:
    undo = {"url": "http://peer/{{steps.b.output.id}}"}
    assert is_sound(
        step("a", event_emit_key="done:{{steps.a.output.id}}", compensation=undo), step("b")
    )


def test_bare_names_are_those_of_the_payload() -> None:
    compiled = compile_workflow(workflow(*sending("{{order.id}} {{call}}")), "1", PINS)
    assert compiled.aliases == {"call": "payload.call", "order": "payload.order"}


def test_a_request_without_a_body_sends_the_payload_of_its_step() -> None:
    compiled = compile_workflow(workflow(step("a", payload={"x": "{{x}}"})), "1", PINS)
    request = compiled.by_ref["a"].request
    assert request is not None
    assert (request.body, request.has_body) == ({"x": "{{x}}"}, True)
    both = step("a", payload={"x": 1}, request={**CALL, "body": {}})
    assert fault_of(both) == "steps[0].payload: is sent as the body: the request has one"


def guarded(condition: Any) -> tuple[Json, ...]:
    return step("a"), step("b", "a", condition=condition), step("d")


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "step_status", "step_ref": "a", "status": "completed"},
        {"type": "step_status_in", "step_ref": "a", "statuses": ["failed", "skipped"]},
        {"type": "eq", "left": {"step_ref": "a"}, "right": "completed"},
        {"type": "regex", "left": {"output": "a.name"}, "right": "^x+$"},
        {"type": "not", "condition": {"type": "exists", "operand": {"payload": "x.y"}}},
        'steps.a.output.n > 1 && payload.kind == "x" && run.id != ""',
    ],
)
def test_a_condition_reads_statuses_outputs_and_the_payload(condition: Any) -> None:
    assert is_sound(*guarded(condition))


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        ({"type": "eqq"}, '.type: unknown type "eqq" (did you mean "eq"?)'),
        ({"type": "eq", "left": 1}, ': eq needs "right"'),
        (
            {"type": "step_status", "step_ref": "aa", "status": "completed"},
            '.step_ref: unknown step "aa"',
        ),
        (
            {"type": "step_status", "step_ref": "d", "status": "completed"},
            ': step "d" is not upstream of this one: name it in depends_on',
        ),
        (
            {"type": "step_status", "step_ref": "a", "status": "succeeded"},
            '.status: "succeeded" is not one of completed, failed, skipped, canceled',
        ),
        (
            {
                "type": "all_of",
                "conditions": [{"type": "step_status_in", "step_ref": "a", "statuses": ["done"]}],
            },
            '.conditions[0].statuses[0]: "done" is not one of completed, failed, skipped, canceled',
        ),
        (
            {"type": "ne", "left": {"step_ref": "a"}, "right": "complete"},
            '.right: "complete" is not one of completed, failed, skipped, canceled '
            '(did you mean "completed"?)',
        ),
        ({"type": "regex", "left": "x", "right": "("}, ".right: "),
        ("steps.aa.output == 1", ': unknown step "aa"'),
        ("steps.d.output == 1", ': step "d" is not upstream of this one'),
        ("payloda.x == 1", ': unknown name "payloda" (did you mean "payload"?)'),
        ("steps.a.outptu == 1", ': "steps.a" has no "outptu" (did you mean "output"?)'),
        ("1 +", ": "),
    ],
)
def test_a_condition_is_judged_when_it_is_stored(condition: Any, fault: str) -> None:
    assert fault_of(*guarded(condition)).startswith(f"steps[1].condition{fault}")


def test_very_many_conditions_that_are_wrong_are_refused_soon() -> None:
    names = [f"s{n}" for n in range(1000)]
    wrong = {"type": "step_status", "step_ref": "s", "status": "completed"}
    looked: list[str] = []

    class Refs(dict[str, int]):
        def __iter__(self) -> Iterator[str]:
            looked.append("at all")
            return super().__iter__()

    faults = Faults()
    scope = Scope(Refs(dict.fromkeys(names, 0)), ())
    for name in names:
        guard_of(wrong, name, scope, faults)
    assert len(faults.all()) == 100
    assert len(looked) <= 100


def test_a_condition_keeps_the_dialects_words() -> None:
    rule = {"type": "step_status", "step_ref": "a", "status": "completed"}
    compiled = compile_workflow(workflow(*guarded(rule)), "1", PINS)
    assert compiled.by_ref["b"].when == Guard("condition", rule)
    assert compiled.words == {"succeeded": "completed"}
