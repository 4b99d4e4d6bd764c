"""Where in a value a fault of JSON Schema lies, whatever its keys look like."""

import jsonschema_rs
import pytest
from tests.unit.api.test_runs_definitions import step_faults

from mainspring_api.dialects.flows.definitions.compile import compile_flow, read_text
from mainspring_api.dialects.places import followed, placed
from mainspring_api.dialects.yamls import DocumentInvalid

TEXTS = jsonschema_rs.Draft202012Validator(
    {"additionalProperties": {"items": {"type": "string"}, "type": "array"}}
)


@pytest.mark.parametrize("key", ["10", "007", "0", "00", "+1", "-1", "9" * 30, "a/b", "~0"])
def test_a_key_that_looks_like_a_number_is_still_a_key(key: str) -> None:
    value = {"x": [], key: ["a", 1]}
    [error] = TEXTS.iter_errors(value)
    assert followed(value, error.instance_path) == ((key, 1), 1)


def test_a_path_that_leads_nowhere_leads_to_nothing() -> None:
    for value in ({"": ["a", 1]}, ["a"], "a", None):
        assert followed(value, [7, "x", 1])[1] is None


def test_a_case_of_a_number_is_no_item_of_a_list() -> None:
    switch = "{name: s, type: core.switch, properties: {value: a, cases: {'10': 5, '007': 6}}}"
    with pytest.raises(DocumentInvalid) as refused:
        compile_flow(read_text(f"name: f\ntasks: [{switch}]"), None, "default", {})
    assert {'tasks[0].properties.cases["10"]', 'tasks[0].properties.cases["007"]'} <= {
        fault.path for fault in refused.value.located
    }


def test_an_expression_under_a_number_is_left_to_the_call() -> None:
    step = "{name: a, action: http/request, params: {url: 'http://a', headers: {'10': %s}}}"
    assert step_faults(step.replace("%s", "[]")) != []
    assert placed("p", ("10", 1, "b")) == 'p["10"][1].b'
