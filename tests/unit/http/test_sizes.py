"""Bodies that carry a payload may be larger than others."""

import pytest

from mainspring.http.sizes import ROOM, largest

MOST = largest(1000, 1 << 20)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/workflows/order/trigger",
        "/v1/events/aml%3A1%2Fx/send",
        "/v1/events/prefix/aml%3A/send",
        "/v1/workflow-runs/0190/steps/pay/force-complete",
        "/api/v1/run/order",
        "/api/v1/webhook/my-webhook-key",
        "/api/v1/flows/0190/execute",
        "/hooks/orders/new",
    ],
)
def test_a_body_with_a_payload_may_be_as_large_as_a_payload(path: str) -> None:
    assert MOST(path) == (1 << 20) + ROOM


@pytest.mark.parametrize(
    "path",
    [
        "/v1/workflows",
        "/v1/workflows/a/b/trigger",
        "/v1/workflows/order/trigger/",
        "/sagas/run",
        "/api/v1/flows",
        "/api/v1/flows/0190/export",
        "/v1/events/purge",
    ],
)
def test_any_other_body_may_not(path: str) -> None:
    assert MOST(path) == 1000


def test_the_larger_limit_is_never_the_smaller_one() -> None:
    assert largest(1 << 24, 10)("/v1/workflows/order/trigger") == 1 << 24
