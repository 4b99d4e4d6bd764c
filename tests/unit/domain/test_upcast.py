"""How stored bodies become the newest events, and when they are refused."""

from typing import Any, ClassVar

import msgspec
import pytest

from mainspring.domain.errors import Corrupt
from mainspring.domain.execution.events import CancelRequested, StepSucceeded
from mainspring.domain.message import Message
from mainspring.domain.upcast import TYPES, UPCASTERS, Body, decode


class Paid(Message, frozen=True, kw_only=True):
    """An event that has had three shapes: `sum` in cents, then `amount`, then with a currency."""

    SCHEMA_VERSION: ClassVar[int] = 3
    amount: float
    currency: str


def amount_for_sum(body: Body) -> Body:
    return {"type": "Paid", "amount": body["sum"] / 100}


def with_currency(body: Body) -> Body:
    return body | {"currency": "EUR"}


SHAPES: dict[str, Any] = {
    "types": {"execution": {"Paid": Paid}},
    "upcasters": {
        ("execution", "Paid", 1): amount_for_sum,
        ("execution", "Paid", 2): with_currency,
    },
}


def test_a_body_of_the_newest_shape_is_read_as_it_is() -> None:
    event = StepSucceeded(ref="a", output={"x": 1}, at=1.0)
    body = msgspec.json.encode(event)
    assert decode("execution", "StepSucceeded", 1, body) == event


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (1, b'{"type":"Paid","sum":250}'),
        (2, b'{"type":"Paid","amount":2.5}'),
        (3, b'{"type":"Paid","amount":2.5,"currency":"EUR"}'),
    ],
)
def test_every_older_shape_is_lifted_to_the_newest(schema: int, body: bytes) -> None:
    assert decode("execution", "Paid", schema, body, **SHAPES) == Paid(amount=2.5, currency="EUR")


def test_a_version_that_nothing_leads_from_is_corrupt() -> None:
    missing: dict[str, Any] = {**SHAPES, "upcasters": {("execution", "Paid", 1): amount_for_sum}}
    with pytest.raises(Corrupt, match="nothing leads from Paid v2 to v3"):
        decode("execution", "Paid", 1, b'{"sum":1}', **missing)


@pytest.mark.parametrize("schema", [0, 4])
def test_a_version_of_a_later_code_is_corrupt(schema: int) -> None:
    with pytest.raises(Corrupt, match=f"v{schema} was written by a later version"):
        decode("execution", "Paid", schema, b"{}", **SHAPES)


@pytest.mark.parametrize(
    ("category", "type", "body"),
    [
        ("execution", "NeverHeardOf", b"{}"),
        ("nothing", "CancelRequested", b"{}"),
        ("execution", "CancelRequested", b"no json"),
        ("execution", "CancelRequested", b'{"type":"PauseRequested"}'),
        ("execution", "StepSucceeded", b'{"type":"StepSucceeded"}'),
    ],
)
def test_what_cannot_be_read_is_corrupt(category: str, type: str, body: bytes) -> None:
    with pytest.raises(Corrupt):
        decode(category, type, 1, body)


def test_fields_of_a_later_code_are_ignored() -> None:
    body = b'{"type":"CancelRequested","reason":"r","later":1}'
    assert decode("execution", "CancelRequested", 1, body) == CancelRequested(reason="r")


def test_every_upcaster_belongs_to_an_event_and_leads_to_a_version_that_it_has() -> None:
    for category, type, version in UPCASTERS:
        newest = TYPES[category][type]
        assert 1 <= version < getattr(newest, "SCHEMA_VERSION", 1)
