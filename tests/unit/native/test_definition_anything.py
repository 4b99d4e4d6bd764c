"""Whatever is sent as a workflow compiles or is refused; nothing else happens."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from typing import Any, TypeAlias, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.definition import Definition
from mainspring.domain.errors import DefinitionInvalid
from mainspring_api.dialects.native.definitions.compile import children_of, compile_workflow
from mainspring_api.dialects.native.definitions.graph import Upstream, cycle_of
from mainspring_api.dialects.native.definitions.steps import Pin

Json: TypeAlias = dict[str, Any]
PINS = {"child": Pin("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "c" * 64)}
CALL: Json = {
    "url": "http://peer/{{payload.x}}",
    "verb": "PUT",
    "headers": {"X-A": "{{run.id}}", "X-B": 1},
    "body": {"a": ["{{steps.a.output.x}}"]},
    "successStatusCodes": [200],
}
RICH: Json = {
    "name": "Rich",
    "slug": "rich",
    "description": "d",
    "tags": {"a": "b"},
    "max_parallel_steps": 2,
    "max_concurrent_runs": 3,
    "timeout_secs": 60,
    "cron": "*/5 * * * mon",
    "cron_timezone": "Europe/Berlin",
    "steps": [
        {"step_ref": "a", "step_type": "sleep", "sleep_duration_secs": 1},
        {
            "step_ref": "b",
            "step_type": "http",
            "depends_on": ["a"],
            "request": CALL,
            "compensation": {"url": "http://peer"},
            "condition": {
                "type": "any_of",
                "conditions": [
                    {"type": "step_status_in", "step_ref": "a", "statuses": ["completed"]},
                    {"type": "regex", "left": {"output": "a.x"}, "right": "^x"},
                ],
            },
            "on_failure": "continue",
            "retry_max_attempts": 3,
            "retry_backoff": "fixed",
            "retry_initial_delay_secs": 0.5,
            "retry_max_delay_secs": 5,
            "retry_max_duration_secs": 60,
            "timeout_secs": 5,
            "concurrency_key": "k",
            "event_emit_key": "b:{{run.id}}",
        },
        {
            "step_ref": "c",
            "step_type": "wait_for_event",
            "depends_on": ["b"],
            "event_key": "c:{{id}}",
            "event_timeout_secs": 5,
            "event_notify_url": "http://peer/{{id}}",
            "payload": {"x": "{{steps.b.response.status}}"},
            "condition": "steps.a.status == 'completed' && payload.x != 1",
        },
        {
            "step_ref": "d",
            "step_type": "approval",
            "depends_on": ["b"],
            "approval_approvers": ["ann"],
            "approval_timeout_secs": 5,
        },
        {
            "step_ref": "e",
            "step_type": "sub_workflow",
            "depends_on": ["c", "d"],
            "sub_workflow_id": "child",
            "payload": {"x": "{{x}}"},
        },
        {"step_ref": "f", "step_type": "job", "depends_on": ["e"], "request": CALL},
    ],
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def members(value: Any) -> dict[Any, Any]:
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value)
    return dict(enumerate(cast("list[Any]", value))) if isinstance(value, list) else {}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to everything inside a value."""
    for key, inner in members(value).items():
        yield (*path, key)
        yield from places(inner, (*path, key))


def test_a_policy_is_read_in_the_engines_terms() -> None:
    retry = compile_workflow(RICH, "1", PINS).by_ref["b"].retry
    assert retry is not None
    assert (retry.retries, retry.delay, retry.max_delay, retry.max_duration) == (2, 0.5, 5, 60)


@given(st.sampled_from(list(places(RICH))), JSON)
def test_any_value_in_any_place_compiles_or_is_refused(path: tuple[Any, ...], value: Any) -> None:
    source = deepcopy(RICH)
    here: Any = source
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    assert all(isinstance(name, str) for name in children_of(source))
    try:
        compiled = compile_workflow(source, "1", PINS)
    except DefinitionInvalid as refused:
        assert all(refused.faults)  # noqa: PT017 - what it says matters too
    else:
        assert msgspec.json.decode(msgspec.json.encode(compiled), type=Definition) == compiled
        assert compiled.names is not None


@given(st.dictionaries(st.sampled_from([*RICH, "project_id"]), JSON, max_size=6))
def test_any_object_is_refused_and_nothing_worse(source: Json) -> None:
    with pytest.raises(DefinitionInvalid):
        compile_workflow(source, "1", PINS)


@given(st.integers(2, 12).flatmap(lambda n: st.lists(st.sets(st.integers(0, n - 1)), max_size=n)))
def test_upstream_is_all_that_can_be_reached(edges: list[set[int]]) -> None:
    needs = {str(n): [str(need) for need in each if need < n] for n, each in enumerate(edges)}
    assert cycle_of(needs) == []
    upstream = Upstream(needs)
    for ref, direct in needs.items():
        reached = frozenset(direct).union(*(upstream.of(need) for need in direct))
        assert upstream.of(ref) == reached


@given(st.integers(2, 12).flatmap(lambda n: st.lists(st.sets(st.integers(0, n - 1)), min_size=n)))
def test_a_cycle_is_a_walk_that_comes_back(edges: list[set[int]]) -> None:
    needs = {
        str(n): [str(need) for need in each if need < len(edges)] for n, each in enumerate(edges)
    }
    cycle = cycle_of(needs)
    assert cycle == [] or cycle[0] == cycle[-1]
    for before, after in pairwise(cycle):
        assert before in needs[after]
