"""What a definition of the sagas dialect means to the engine."""

from copy import deepcopy
from typing import Any

import msgspec
import pytest

from mainspring.domain.definition import Definition, Request, Retry
from mainspring.domain.errors import DefinitionInvalid
from mainspring.testing.sagas import Json, call, graph, hello_world, task
from mainspring_api.dialects.sagas.compile import compile_definition

HELLO = hello_world()


def faults_of(source: Any) -> list[str]:
    with pytest.raises(DefinitionInvalid) as caught:
        compile_definition(source)
    return list(caught.value.faults)


def request_of(node: Json) -> Request:
    request = compile_definition(graph(node)).steps[0].request
    assert request is not None
    return request


def test_the_hello_world_of_the_page_compiles() -> None:
    compiled = compile_definition(HELLO)
    assert compiled.entrypoint == "notify"
    assert compiled.retry == Retry(retries=1, delay=0.2, max_delay=0.2)
    (notify,) = compiled.steps
    assert notify.request is not None
    assert notify.request.success == (200, 201, 202)
    assert not notify.request.has_body


def test_equal_definitions_have_one_hash_and_different_ones_of_one_name_do_not() -> None:
    other = deepcopy(HELLO)
    other["nodes"][0]["action"]["request"]["url"] = "http://other/run"
    assert compile_definition(HELLO).hash == compile_definition(deepcopy(HELLO)).hash
    assert compile_definition(HELLO).hash != compile_definition(other).hash


def test_a_compiled_definition_survives_the_log() -> None:
    compiled = compile_definition(HELLO)
    stored = msgspec.json.decode(msgspec.json.encode(compiled), type=Definition)
    assert stored == compiled
    assert stored.hash == compiled.hash


@pytest.mark.parametrize(
    ("verb", "codes"),
    [
        ("GET", (200,)),
        ("HEAD", (200,)),
        ("OPTIONS", (200,)),
        ("POST", (200, 201, 202)),
        ("PUT", (200, 202, 204)),
        ("PATCH", (200, 202, 204)),
        ("DELETE", (200, 202, 204)),
    ],
)
def test_success_codes_default_by_verb(verb: str, codes: tuple[int, ...]) -> None:
    node = task("a", action={"mode": "sync", "request": call(verb=verb)})
    assert request_of(node).success == codes


def test_codes_of_the_action_win_over_those_of_its_request() -> None:
    request = call(successStatusCodes=[200])
    node = task("a", action={"mode": "sync", "request": request, "successStatusCodes": [409, 201]})
    assert request_of(node).success == (201, 409)


def test_backoff_keeps_its_defaults() -> None:
    handling = {
        "type": "backoff",
        "maxAttempts": 3,
        "initialDelayMillis": 100,
        "maxDelayMillis": 1000,
    }
    compiled = compile_definition(graph(task("a"), failureHandling=handling))
    assert compiled.retry == Retry(retries=3, delay=0.1, max_delay=1.0, multiplier=2.0, jitter=0.0)


def test_without_failure_handling_nothing_is_retried() -> None:
    assert compile_definition(graph(task("a"))).policy_of("a").retries == 0


def test_a_node_may_have_its_own_policy_or_narrow_the_common_one() -> None:
    retry = {"type": "retry", "maxAttempts": 5, "delayMillis": 10}
    own = {"type": "retry", "maxAttempts": 1, "delayMillis": 0}
    compiled = compile_definition(
        graph(
            task("a", "b", failureHandling=own),
            task("b", "c", retryOn=[503, "5xx", "timeout", "connection"]),
            task("c", timeoutMillis=1500),
            failureHandling=retry,
        )
    )
    assert compiled.policy_of("a").retries == 1
    assert compiled.policy_of("b").retries == 5
    assert compiled.policy_of("b").retry_on == ("503", "5xx", "timeout", "connection")
    assert compiled.policy_of("c") == compiled.retry
    assert compiled.timeout_of("c") == 1.5
    assert compiled.timeout_of("a") == 30.0


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("text {{payload.x}}", "text {{payload.x}}"),
        ({"value": "{{payload.x}}"}, "{{payload.x}}"),
        ({"value": "v", "other": 1}, {"value": "v", "other": 1}),
        ({"value": 5}, {"value": 5}),
        ([1, {"a": "{{payload}}"}], [1, {"a": "{{payload}}"}]),
    ],
)
def test_a_body_is_a_text_a_lone_wrapper_or_json_as_it_is(sent: Any, kept: Any) -> None:
    node = task("a", action={"mode": "sync", "request": call(body=sent)})
    request = request_of(node)
    assert request.has_body
    assert request.body == kept


def test_urls_and_headers_may_be_wrapped_and_header_values_may_be_scalars() -> None:
    request = call(headers={"X-A": {"value": "{{payload.a}}"}, "X-N": 3, "X-B": True})
    request["url"] = {"value": "http://service/{{payload.id}}"}
    found = request_of(task("a", action={"mode": "sync", "request": request}))
    assert found.url == "http://service/{{payload.id}}"
    assert found.headers == {"X-A": "{{payload.a}}", "X-N": "3", "X-B": "true"}


def test_an_async_task_keeps_its_callback_and_its_rules_given_as_text() -> None:
    action = {
        "mode": "async",
        "request": call(body={"to": "{{runtime.callback.url}}"}),
        "callback": {
            "timeoutMillis": 1500,
            "successWhen": '{"==": [{"var": "callback.body.ok"}, true]}',
            "failureWhen": {"==": [{"var": "input.x"}, 1]},
        },
    }
    step = compile_definition(graph(task("a", action=action))).steps[0]
    assert step.asynchronous
    assert step.accepted is None
    assert step.callback is not None
    assert step.callback.timeout == 1.5
    assert step.callback.success_when == {"==": [{"var": "callback.body.ok"}, True]}


def test_the_older_form_is_a_chain_whose_steps_are_undone() -> None:
    steps = [
        {"name": "one", "up": call(), "down": call("http://service/undo", "DELETE")},
        {"name": "two", "up": call(body="{{prev.body}}"), "down": call()},
    ]
    compiled = compile_definition({"name": "n", "version": "1", "steps": steps})
    one, two = compiled.steps
    assert (compiled.entrypoint, one.next, two.next) == ("one", "two", None)
    assert one.compensation is not None
    assert one.compensation.verb == "DELETE"


def test_nodes_decide_the_form_when_both_keys_are_there() -> None:
    found = faults_of(graph(task("a")) | {"steps": []})
    assert found == ["steps: is not known here"]


def test_the_older_form_needs_its_down() -> None:
    found = faults_of({"name": "n", "version": "1", "steps": [{"name": "a", "up": call()}]})
    assert found == ["steps[0].down: is missing"]


def test_a_sleep_lasts_or_ends_at_an_instant() -> None:
    nodes = [
        {"kind": "sleep", "id": "a", "durationMillis": 250, "next": "b"},
        {"kind": "sleep", "id": "b", "until": "2030-01-01T00:00:00Z"},
    ]
    one, two = compile_definition(graph(*nodes)).steps
    assert one.duration == 0.25
    assert two.until == 1893456000.0


def test_null_counts_as_absent() -> None:
    node = task("a", compensation=None, failureHandling=None) | {"next": None}
    compiled = compile_definition(graph(node, onSuccessCallback=None))
    assert compiled.steps[0].next is None
    assert compiled.on_success is None


def test_the_aliases_of_the_dialect_are_the_engines_names() -> None:
    aliases = compile_definition(HELLO).aliases
    assert aliases["input"] == "payload"
    assert aliases["sagaId"] == "run.id"
