"""Which deliveries meet the conditions of a webhook, and which conditions are none."""

from typing import Any

import pytest

from mainspring.domain.conditions import LONGEST, condition_fault, meets
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.starter_faults import MOST_CONDITIONS, faults_of
from mainspring.domain.starters import Webhook

DELIVERY: dict[str, Any] = {
    "body": {"action": "opened", "n": 3},
    "headers": {"x-event": "issue"},
    "query": {"team": "a"},
    "method": "POST",
}


@pytest.mark.parametrize(
    ("conditions", "met"),
    [
        ([], True),
        (['body.action == "opened"'], True),
        (['{{ body.action == "opened" }}', "body.n > 2"], True),
        (
            ['headers["x-event"] in ["issue", "push"]', 'query.team == "a"', 'method == "POST"'],
            True,
        ),
        (['body.action == "opened"', "body.n > 3"], False),
        (["body.n - 3"], False),
        (["body.more | default(false)"], False),
        (["body.more is defined"], False),
    ],
)
def test_all_conditions_have_to_hold(conditions: list[str], met: bool) -> None:
    assert meets(conditions, DELIVERY) is met


def test_a_condition_without_an_answer_is_told_with_its_place() -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        meets(["body.n", "body.more.still"], DELIVERY)
    assert refused.value.faults == ("conditions[1]: body.more.still is not there",)


def answer_of(text: str, body: Any) -> object:
    try:
        return meets([text], DELIVERY | {"body": body})
    except DefinitionInvalid as refused:
        return refused.faults[0].partition(": ")[0]


@pytest.mark.parametrize("body", [None, "text", 7, [1], {}])
def test_no_body_is_too_odd_for_a_condition(body: Any) -> None:
    for text in ("body.a", "body[0].b", "body.a > 1", "body | length"):
        assert answer_of(text, body) in (True, False, "conditions[0]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "blank"),
        ("{{ }}", "blank"),
        ("bdy.a", 'did you mean "body"'),
        ('kv("x")', "unknown name"),
        ("outputs.a", "unknown name"),
        ("body.a and", "expected"),
        ("{{ body.a }} x {{ body.b }}", "one expression"),
        ("x" * (LONGEST + 1), "longer"),
    ],
)
def test_what_is_no_condition_is_told_when_it_is_stored(text: str, said: str) -> None:
    assert said in (condition_fault(text) or "")
    (found,) = faults_of(Webhook(key="k", conditions=("method", text)))
    assert found[0] == "conditions[1]"


def test_a_webhook_has_a_bounded_number_of_conditions() -> None:
    most = ("method",) * MOST_CONDITIONS
    assert faults_of(Webhook(conditions=most)) == []
    assert [place for place, _ in faults_of(Webhook(conditions=(*most, "method")))] == [
        "conditions"
    ]
