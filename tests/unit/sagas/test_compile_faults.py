"""Every way in which a definition can be wrong: all told at once, each with its place."""

from typing import Any

import pytest

from mainspring.domain.errors import DefinitionInvalid
from mainspring.testing.sagas import Json, call, graph, hello_world, switch, task
from mainspring_api.dialects.sagas.compile import compile_definition


def faults_of(source: Any) -> list[str]:
    with pytest.raises(DefinitionInvalid) as caught:
        compile_definition(source)
    return list(caught.value.faults)


HELLO = hello_world()


def test_all_faults_are_told_at_once_each_with_its_place() -> None:
    broken = graph(
        task("reserve", "chargee"),
        task("charge", timeout=5, action={"mode": "sinc", "request": {"verb": "post"}}),
        switch("ok", "charge", ({"=": [1, 2]}, "nowhere")),
        entrypoint="reserv",
        failureHandling={"type": "retri"},
    )
    found = faults_of(broken)
    assert 'failureHandling.type: "retri" is not one of retry, backoff (did you mean "retry"?)' in (
        found
    )
    assert 'nodes[0].next: no node "chargee" (did you mean "charge"?)' in found
    assert 'nodes[1].timeout: is not known here (did you mean "timeoutMillis"?)' in found
    assert 'nodes[1].action.mode: "sinc" is not one of async, sync (did you mean "sync"?)' in found
    assert "nodes[1].action.request.url: is missing" in found
    assert any(f.startswith("nodes[1].action.request.verb") and '"POST"?' in f for f in found)
    assert any(f.startswith("nodes[2].cases[0].when: ") and '"=="' in f for f in found)
    assert any(f.startswith('nodes[2].cases[0].target: no node "nowhere"') for f in found)


@pytest.mark.parametrize(
    "url", ["http://me:pw@a.test/", "https://{{payload.me}}@a.test", "HTTP://a@b?c"]
)
def test_a_url_with_a_user_in_it_is_a_fault_that_does_not_repeat_it(url: str) -> None:
    node = task("a", action={"mode": "sync", "request": call(url)})
    assert faults_of(graph(node)) == [
        "nodes[0].action.request.url: must have no user name or password: send them in a header"
    ]


def test_an_unknown_entrypoint_is_told_with_the_nearest_node() -> None:
    found = faults_of(graph(task("notify"), entrypoint="nptify"))
    assert found == ['entrypoint: no node "nptify" (did you mean "notify"?)']


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": " "}, "name: must not be blank"),
        ({"version": ""}, "version: must not be blank"),
        ({"version": 1}, "version: a text is wanted, not a number"),
        ({"name": "a\x00b"}, "name: must not be blank nor have control"),
        ({"nodes": []}, "nodes: needs 1 to 1000 items"),
        ({"nodes": {}}, "nodes: a list is wanted, not an object"),
        ({"nodes": None}, "nodes: is missing"),
        ({"entrypoint": None}, "entrypoint: is missing"),
        ({"onSuccesCallback": {}}, 'onSuccesCallback: is not known here (did you mean "onSuccess'),
        ({"onFailureCallback": {"verb": "POST", "url": ""}}, "onFailureCallback.url: must not be"),
        ({"failureHandling": {"type": "retry"}}, "failureHandling.maxAttempts: is missing"),
        (
            {"failureHandling": {"type": "retry", "maxAttempts": -1, "delayMillis": 0}},
            "failureHandling.maxAttempts: must be 0 or more",
        ),
    ],
)
def test_a_fault_of_the_head_has_its_place(change: Json, fault: str) -> None:
    assert any(found.startswith(fault) for found in faults_of(HELLO | change))


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        ({"kind": "tsk", "id": "a"}, 'nodes[0].kind: "tsk" is not one of task, switch'),
        ({"id": "a"}, "nodes[0].kind: is missing"),
        (5, "nodes[0]: an object is wanted, not a number"),
        ({"kind": "sleep", "id": "a", "durationMillis": 0}, "nodes[0].durationMillis: must be"),
        ({"kind": "sleep", "id": "a"}, "nodes[0]: needs either durationMillis or until"),
        (
            {"kind": "sleep", "id": "a", "durationMillis": 1, "until": "2030-01-01T00:00:00Z"},
            "nodes[0]: needs either",
        ),
        ({"kind": "sleep", "id": "a", "until": "tomorrow"}, "nodes[0].until: must be an instant"),
        (
            {"kind": "sleep", "id": "a", "until": "2030-01-01T00:00:00"},
            "nodes[0].until: must be an instant",
        ),
        ({"kind": "switch", "id": "a", "cases": [], "default": "a"}, "nodes[0].cases: must not be"),
        (
            {"kind": "switch", "id": "a", "cases": [{"target": "a"}], "default": "a"},
            "nodes[0].case",
        ),
        (task("a", action={"mode": "async", "request": call()}), "nodes[0].action.callback: is mi"),
        (
            task(
                "a",
                action={"mode": "async", "request": call(), "callback": {"timeoutMillis": 0}},
            ),
            "nodes[0].action.callback.timeoutMillis: must be more than 0",
        ),
        (
            task("a", action={"mode": "sync", "request": call(), "acceptedStatusCodes": [200]}),
            "nodes[0].action.acceptedStatusCodes: is for",
        ),
        (
            task("a", action={"mode": "sync", "request": call(successStatusCodes=[99])}),
            "nodes[0].action.request.successStatusCodes[0]: must be 100 or more",
        ),
        (
            task("a", action={"mode": "sync", "request": call(successStatusCodes=[])}),
            "nodes[0].action.request.successStatusCodes: must not be empty",
        ),
        (
            task("a", action={"mode": "sync", "request": call(headers={"X A": "b"})}),
            'nodes[0].action.request.headers["X A"]: is no valid header name',
        ),
        (
            task("a", action={"mode": "sync", "request": call(headers={"Host": "b"})}),
            "nodes[0].action.request.headers.Host: is set by the engine",
        ),
        (
            task("a", action={"mode": "sync", "request": call(headers={"X-A": "1", "x-a": "2"})}),
            'nodes[0].action.request.headers.x-a: is given as "X-A" too',
        ),
        (
            task("a", action={"mode": "sync", "request": call("service/run")}),
            "nodes[0].action.request.url: must begin with http",
        ),
        (task("a", retryOn=["5x"]), 'nodes[0].retryOn[0]: "5x" is not'),
        (task("a", retryOn=[42]), 'nodes[0].retryOn[0]: "42" is not'),
        (task("a", retryOn=[True]), "nodes[0].retryOn[0]: cannot be a boolean"),
        (task("a", next="b"), 'nodes[0].next: no node "b"'),
    ],
)
def test_a_fault_of_a_node_has_its_place(node: Any, fault: str) -> None:
    found = faults_of(
        {"name": "n", "version": "v", "entrypoint": "a", "nodes": [node, task("spare")]}
    )
    assert any(each.startswith(fault) for each in found), found


def test_ids_are_unique() -> None:
    assert 'nodes[1].id: "a" is that of nodes[0] too' in faults_of(graph(task("a"), task("a")))


def test_a_thousand_nodes_compile_and_one_more_is_a_fault() -> None:
    chain = [task(f"n{i}", f"n{i + 1}") for i in range(999)] + [task("n999")]
    assert len(compile_definition(graph(*chain)).steps) == 1000
    assert faults_of(graph(*chain, task("more"))) == ["nodes: needs 1 to 1000 items"]


def test_a_flood_of_faults_is_counted_and_not_listed() -> None:
    found = faults_of(graph(*({"x": i} for i in range(1000)), entrypoint="a"))
    assert len(found) == 101
    assert found[-1].startswith("and ")


@pytest.mark.parametrize("source", [None, [], "x", 5, True, {}])
def test_what_is_no_definition_is_a_fault_and_nothing_worse(source: Any) -> None:
    assert faults_of(source)


def test_an_instant_of_the_far_future_and_large_numbers_do_no_harm() -> None:
    assert faults_of(graph({"kind": "sleep", "id": "a", "until": "9999-12-31T23:59:59-23:59"}))
    assert faults_of(graph({"kind": "sleep", "id": "a", "durationMillis": 10**30}))
