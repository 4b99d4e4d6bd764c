"""Names in templates and rules, checked before anything runs."""

from typing import Any

import pytest

from mainspring.domain.errors import DefinitionInvalid
from mainspring.testing.sagas import Json, call, graph, switch, task
from mainspring_api.dialects.sagas.compile import compile_definition


def faults_of(source: Any) -> list[str]:
    with pytest.raises(DefinitionInvalid) as caught:
        compile_definition(source)
    return list(caught.value.faults)


def templated(text: Any, **more: Any) -> Json:
    request = call(body={"x": text})
    return graph(task("a", action={"mode": "sync", "request": request}, **more), name="n")


@pytest.mark.parametrize(
    "text",
    [
        "{{payload}} {{input.x}} {{prev.body.y}}",
        "{{nodes.a.response.status}}{{nodes.a.response.headers.location}}",
        "{{nodes.a.callback.body.z}} {{step.a.body}} {{step.0.body}} {{step.a.index}}",
        "{{sagaId}}{{sagaName}}{{sagaVersion}}{{stepName}}{{phase}}",
        "{{#payload.items}}{{sku}} {{.}}{{/payload.items}}",
        "{{^payload.items}}{{payload.none}}{{/payload.items}}",
        "{{! anything }}",
        "no template",
    ],
)
def test_the_names_of_the_contract_may_be_used(text: str) -> None:
    compile_definition(templated(text))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{paylod.x}}", 'no name "paylod" (did you mean "payload"?)'),
        ("{{nodes.b.response.body}}", 'no node "b"'),
        ("{{step.b.body}}", 'no node "b"'),
        ("{{nodes.a.respons.body}}", '"nodes.a" has no "respons" (did you mean "response"?)'),
        ("{{nodes.a.response.code}}", '"nodes.a.response" has no "code"'),
        ("{{nodes.a.response.headers.Location}}", 'headers have lower-case names: "Location"'),
        ("{{sagaId.x}}", '"sagaId" has no "x"'),
        ("{{prev.status}}", '"prev" has no "status"'),
        ("{{runtime.callback.url}}", '"runtime.callback.url" is there for the request of an async'),
        ("{{.}}", '"." names nothing here'),
        ("{{payload.x", "line 1, column 1: tag is never closed"),
        ("{{#payload}}x", 'line 1, column 1: section "payload" is never closed'),
        ("{{> partial}}", "line 1, column 1: partials are not supported"),
        ("{{#payload.items}}{{nodes.b.response.body}}{{/payload.items}}", 'no node "b"'),
        ("{{^payload.items}}{{unheard}}{{/payload.items}}", 'no name "unheard"'),
    ],
)
def test_a_wrong_name_is_a_fault_with_its_place(text: str, fault: str) -> None:
    found = faults_of(templated(text))
    assert any(each.startswith(f"nodes[0].action.request.body.x: {fault}") for each in found), found


def test_templates_of_compensations_and_notices_are_checked_too() -> None:
    source = templated(
        "x",
        compensation=call(headers={"X-A": "{{zzz}}"}),
    ) | {"onSuccessCallback": call("http://service/{{zzz}}")}
    assert sorted(faults_of(source)) == [
        'nodes[0].compensation.headers.X-A: no name "zzz"',
        'onSuccessCallback.url: no name "zzz"',
    ]


def test_a_json_text_is_checked_as_one() -> None:
    request = call(body='{"x": "{{#payload.a}}"{{/payload.a}}}')
    found = faults_of(graph(task("a", action={"mode": "sync", "request": request})))
    assert found[0].startswith("nodes[0].action.request.body: line 1")


def test_a_body_nested_too_deeply_is_a_fault() -> None:
    body: Any = "{{payload}}"
    for _ in range(70):
        body = [body]
    request = call(body=body)
    found = faults_of(graph(task("a", action={"mode": "sync", "request": request})))
    assert "is nested more than 64 deep" in found[0]


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        ({"==": [{"var": "paylod.x"}, 1]}, 'no name "paylod" (did you mean "payload"?)'),
        ({"var": "nodes.b.response.body"}, 'no node "b"'),
        ({"var": "callback.body"}, 'no name "callback"'),
        ({"equals": [1, 2]}, 'unknown operator "equals"'),
        ({"==": [1]}, "==: takes 2 values, got 1"),
        ("{not json", "the rule is not JSON"),
        ({"a": 1, "b": 2}, "an operation has exactly one key, not 2"),
    ],
)
def test_a_rule_is_checked_before_it_is_ever_run(when: Any, fault: str) -> None:
    found = faults_of(graph(switch("s", "a", (when, "a")), task("a")))
    assert any(each.startswith(f"nodes[0].cases[0].when: {fault}") for each in found), found
