"""What makes one delivery of a webhook the same as another, and who is let in."""

import hmac
from base64 import b64encode
from typing import Any

import pytest

from mainspring.domain import starters as s
from mainspring.domain.errors import Unauthorized
from mainspring.domain.starter_faults import faults_of
from mainspring.testing.samples import starter_row
from mainspring_api.dialects.starters.signed import Mark, mark_of

BODY = b'{"a":1}'
WINDOW = 300.0
SPEC = s.Webhook(key="k", secret="s", window=WINDOW)
START = 6_000_000 * WINDOW


def mark(now: float, spec: s.Webhook = SPEC, body: bytes = BODY, /, **headers: str) -> Mark:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    form = s.StarterSet(dialect="flows", workflow="w", spec=spec, at=0.0)
    return mark_of(s.Starter(starter_row(1), form), spec, named, body, now)


def signed(text: bytes, by: str = "s") -> str:
    return "sha256=" + hmac.digest(by.encode(), text, "sha256").hex()


def bare(now: float, **headers: str) -> Mark:
    return mark(now, x_signature_256=signed(BODY), **headers)


def timed(now: float, at: int, **headers: str) -> Mark:
    text = f"{at}.".encode() + BODY
    return mark(now, x_signature_256=signed(text), x_timestamp=str(at), **headers)


@pytest.mark.parametrize("later", [0.0, 1.0, 150.0, 299.0, 300.0])
@pytest.mark.parametrize("begin", [0.0, 1.0, 150.0, 299.9])
def test_a_bare_signature_is_looked_for_where_it_was_within_the_window(
    begin: float, later: float
) -> None:
    first, again = bare(START + begin), bare(START + begin + later)
    assert first.ids[0] in again.ids
    assert again.since <= START + begin


def test_a_bare_signature_is_another_delivery_after_the_window() -> None:
    first, again = bare(START), bare(START + 2 * WINDOW)
    assert first.ids[0] not in again.ids
    # What lies a window back and more is found by its id, and told to be too old by its time.
    edge = bare(START + WINDOW + 1)
    assert first.ids[0] in edge.ids
    assert edge.since > START


def test_a_signature_with_a_timestamp_is_one_delivery_for_ever() -> None:
    at = int(START)
    assert timed(START, at).ids == timed(START + 299, at).ids
    assert timed(START, at).ids != timed(START, at + 1).ids
    for now in (START + 301, START - 301):
        with pytest.raises(Unauthorized):
            timed(now, at)


def test_a_delivery_is_known_by_its_id_and_its_signature_still_counts() -> None:
    one, other = bare(START, x_delivery_id="1"), bare(START, x_delivery_id="2")
    assert one.ids != other.ids
    assert one.keys == other.keys
    assert bare(START + WINDOW, x_delivery_id="3").keys[1] == one.keys[0]
    retried = [timed(START, int(START) + n, idempotency_key="r") for n in (0, 1)]
    assert retried[0].ids == retried[1].ids
    assert retried[0].keys != retried[1].keys


def test_without_a_secret_only_an_id_tells_deliveries_apart() -> None:
    plain = s.Webhook(key="k")
    assert mark(START, plain) == Mark()
    assert mark(START, plain, x_delivery_id="1").ids == mark(START, plain, x_delivery_id="1").ids


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_signature_256": ""},
        {"x_signature_256": signed(BODY, "other")},
        {"x_signature_256": signed(BODY).removeprefix("sha256=")},
        {"x_signature_256": signed(BODY), "x_timestamp": str(int(START))},
        {"x_signature_256": signed(b"." + BODY), "x_timestamp": ""},
        {"x_signature_256": signed(BODY), "x_timestamp": "\u00b2"},
        {"x_signature_256": "\u00e4" * 71},
        {"x_other": signed(BODY)},
    ],
)
def test_who_cannot_sign_is_not_let_in(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        mark(START, **headers)


def test_a_signature_may_stand_in_a_header_of_ones_own() -> None:
    spec = s.Webhook(key="k", secret="s", header="X-Other")
    assert mark(START, spec, x_other=signed(BODY)).ids
    assert mark(START, spec, x_hub_signature_256=signed(BODY).upper()).ids


@pytest.mark.parametrize(
    ("spec", "places"),
    [
        (s.Schedule(), ["cron"]),
        (s.Schedule(cron="* * * * *", interval=5.0), ["cron"]),
        (s.Schedule(cron="0 0 30 2 *", timezone="Mars"), ["cron", "timezone"]),
        (s.Schedule(interval=0.5, jitter=-1.0, max_late=0.0), ["interval", "jitter", "maxLate"]),
        (s.Schedule(at=5e9), ["at"]),
        (s.Webhook(key="a\nb", path="c", methods=()), ["path", "key", "methods"]),
        (s.Webhook(key="k" * 257, secret="", header="a b"), ["key", "secret", "header"]),
        (s.Webhook(key="k", window=0.5, max_bytes=0, wait_seconds=61.0), None),
        (s.Follow(workflow="", statuses=("never",)), ["flowId", "statuses"]),
        (s.Schedule(cron="@daily", timezone="Europe/Berlin", jitter=5.0, max_late=1.0), []),
        (s.Webhook(key="k", secret="s", header="X-Own", methods=("PUT", "GET")), []),
        (s.Follow(workflow="a", statuses=("succeeded",)), []),
    ],
)
def test_all_that_is_wrong_with_a_starter_is_told(spec: Any, places: list[str] | None) -> None:
    found = [place for place, _ in faults_of(spec)]
    assert found == (places if places is not None else ["window", "maxBytes", "waitSeconds"])


GITHUB = s.Hmac(secret="s", header="X-Hub-Signature-256")
SHOP = s.Hmac(secret="s", header="X-Shop-Hmac", encoding="base64", prefix="")
LONG = s.Hmac(secret="s", header="X-Sig", algorithm="sha512")
PLAIN_FORM = s.Hmac(secret="s")


def by(form: s.Hmac) -> s.Webhook:
    return s.Webhook(key="k", hmac=form)


def digest(algorithm: str, text: bytes = BODY) -> bytes:
    return hmac.digest(b"s", text, algorithm)


@pytest.mark.parametrize(
    ("form", "header", "signature"),
    [
        (GITHUB, "x_hub_signature_256", "sha256=" + digest("sha256").hex()),
        (GITHUB, "x_hub_signature_256", "SHA256=" + digest("sha256").hex().upper()),
        (SHOP, "x_shop_hmac", b64encode(digest("sha256")).decode()),
        (LONG, "x_sig", "sha512=" + digest("sha512").hex()),
        (LONG, "x_sig", f"  sha512={digest('sha512').hex()} "),
        (PLAIN_FORM, "x_signature_256", "sha256=" + digest("sha256").hex()),
        (s.Hmac(secret="s", prefix="v1:"), "x_signature_256", "v1:" + digest("sha256").hex()),
    ],
)
def test_a_sender_signs_in_the_form_that_it_was_told(
    form: s.Hmac, header: str, signature: str
) -> None:
    assert mark(START, by(form), **{header: signature}).ids
    bare = signature.strip()
    for wrong in (bare[:-1], bare + "0", bare[1:], "", "\u00e9" + bare):
        with pytest.raises(Unauthorized):
            mark(START, by(form), **{header: wrong})


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        (SHOP, {"x_signature_256": signed(BODY)}),
        (SHOP, {"x_shop_hmac": b64encode(digest("sha256")).decode().swapcase()}),
        (LONG, {"x_sig": "sha512=" + digest("sha256").hex()}),
        (LONG, {"x_sig": digest("sha512").hex()}),
        (s.Hmac(header="X-Sig"), {"x_sig": signed(BODY, "")}),
    ],
)
def test_another_form_than_the_one_that_was_told_lets_nobody_in(
    form: s.Hmac, headers: dict[str, str]
) -> None:
    with pytest.raises(Unauthorized):
        mark(START, by(form), **headers)


def test_the_usual_form_told_apart_is_the_usual_one() -> None:
    usual, apart = SPEC, s.Webhook(key="k", window=WINDOW, hmac=PLAIN_FORM)
    headers = {"x_signature_256": signed(BODY)}
    assert mark(START, usual, **headers) == mark(START, apart, **headers)


@pytest.mark.parametrize(
    ("spec", "places"),
    [
        (
            s.Webhook(hmac=s.Hmac(secret="", header="a b", prefix="\n")),
            ["secret", "header", "prefix"],
        ),
        (s.Webhook(hmac=GITHUB, secret="x"), [""]),
        (s.Webhook(hmac=s.Hmac(secret="s", prefix="p" * 65)), ["prefix"]),
        (s.Webhook(hmac=SHOP), []),
    ],
)
def test_all_that_is_wrong_with_a_form_of_signing_is_told(
    spec: s.Webhook, places: list[str]
) -> None:
    wanted = [f"hmac.{place}".rstrip(".") for place in places]
    assert [place for place, _ in faults_of(spec)] == wanted
