"""Everything small that is read from a path, a query, a header: an answer or the one refusal."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, cast

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request
from tests.fuzz import documents as valid
from tests.fuzz.law import examples, soon
from tests.fuzz.mutants import NUMBERS, ODD, SCALARS, TEXTS, VALUES, Tree, mutants, plain, texts

from mainspring.domain import calendar
from mainspring.domain import starters as s
from mainspring.domain.durations import LONGEST_S, duration
from mainspring.domain.errors import DefinitionInvalid, Expired, Unauthorized
from mainspring.domain.expression import ExpressionError
from mainspring.domain.expression.cel.instants import parse_instant, parse_span
from mainspring.domain.expression.dates import format_any, format_go, moved, read_instant
from mainspring.domain.inputs import Input, settle
from mainspring.domain.keys import KeyInvalid, event_key
from mainspring.http import bodies, caller, idempotency, instants, paging, query, sse
from mainspring.http.faults import Faults
from mainspring.runtime.config import CallbackKey
from mainspring.runtime.tokens import Claim, LinkClaim, sign, sign_link, verify, verify_link
from mainspring_api.dialects.flows.definitions.inputs import inputs_of
from mainspring_api.dialects.flows.definitions.spans import instant_of
from mainspring_api.dialects.runs.spans import span
from mainspring_api.dialects.starters.reading import instant
from mainspring_api.dialects.starters.signed import mark_of

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
REFUSED = (DefinitionInvalid,)
NOW: Final = 1_790_000_000.0
KEYS: Final = (CallbackKey("k", b"0" * 32), CallbackKey("old", b"1" * 32))
SPELT: Final = (
    *("1h30m", "300ms", "PT90S", "P1DT2H", "0", "1.5", "1e3", "٣s", "1 h", "+1h", "1h1h", "P"),
    *("PT", "2026-03-29T02:30:00Z", "2026-03-29T02:30:00+01:00", "2026-03-29 02:30", "24:00"),
    *("2026-W01", "2026-02-30T00:00:00Z", "2026-06-30T23:59:60Z"),
    *("2026-01-01T00:00:00.123456789123Z", "now", "*/5 * * * mon", "0 0 29 2 *", "0 0 31 2 *"),
    *("@hourly", "0-59/7 1,2 L * ?", "* * * * * *", "WyIxLjAiLCJhIl0", "k.W10.", "sha256=00"),
    *("42", "-1", "9" * 18, "9" * 19, "²", "٤٢", "1_0", "INFO", "log,status", "log,,"),
    *("SUCCESS,FAILED", "a:b:1", "order/42", 'W/"1"', '"1"', "*"),
)
WORDS: Final = (
    st.sampled_from([*SPELT, *TEXTS, *ODD, *map(str, NUMBERS)])
    | texts(["word"], SPELT)
    | st.text(max_size=20)
    | st.text("0123456789.:-+TZPWDHMSsmh,*/ ", max_size=24)
)


def request_of(headers: dict[str, str], asked: str = "") -> Request:
    """Return a request with these headers, as the server of HTTP would hand it on."""
    pairs = [(name.lower().encode(), text.encode("latin-1")) for name, text in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": pairs}
    return Request({**scope, "query_string": asked.encode("latin-1", "replace")})


def noted(read: Callable[[Any, str, Faults], Any]) -> Callable[[Any], Any]:
    """Return a reader that notes faults as one that raises them."""

    def act(value: Any) -> Any:
        faults = Faults()
        found = read(value, "place", faults)
        faults.check()
        return found

    return act


def cron_of(text: str) -> None:
    if calendar.cron_fault(text) is None:
        calendar.cron_faults(text)
        for zone in ("UTC", "Europe/Berlin", "Australia/Lord_Howe"):
            following = calendar.next_cron(text, zone, NOW)
            assert following is None or following > NOW


def date_of(text: str) -> None:
    found = read_instant(text)
    for unit in ("DAYS", "MONTHS", "YEARS"):
        for amount in (1, -1, 10**9, -(10**30)):
            soon(moved, found, amount, unit, refusals=(ExpressionError,))
    format_any(found, "yyyy-MM-dd'T'HH:mm:ss.SSS XXX")
    format_go(found, "2006-01-02T15:04:05.999Z07:00")


READERS: Final[dict[str, tuple[Callable[[str], Any], tuple[type[Exception], ...]]]] = {
    "cursor": (paging.read_cursor, ()),
    "page": (lambda text: paging.page_query({"limit": text, "cursor": text}), REFUSED),
    "as_of": (instants.as_of, REFUSED),
    "duration": (duration, ()),
    "span of runs": (noted(span), REFUSED),
    "instant of flows": (noted(instant_of), REFUSED),
    "instant of triggers": (noted(instant), REFUSED),
    "instant of CEL": (parse_instant, (ExpressionError,)),
    "span of CEL": (parse_span, (ExpressionError,)),
    "date": (date_of, (ExpressionError,)),
    "cron": (cron_of, ()),
    "zone": (calendar.zone_fault, ()),
    "event key": (event_key, (KeyInvalid,)),
    "Last-Event-ID": (
        lambda text: sse.resume_from({"last-event-id": text}, {"after": text}),
        REFUSED,
    ),
    "callback token": (
        lambda text: verify(KEYS, text, now=NOW),
        (Unauthorized, Expired),
    ),
    "link": (lambda text: verify_link(KEYS, text, now=NOW), (Unauthorized, Expired)),
    "path of a webhook": (s.plain_path, ()),
}


@pytest.mark.parametrize("name", READERS)
@examples(60)
@given(word=WORDS)
@example(word="\ud800")
def test_any_word_is_read_or_refused(name: str, word: str) -> None:
    read, refusals = READERS[name]
    soon(read, word, refusals=refusals)


@examples(100)
@given(SCALARS | VALUES)
def test_any_value_is_a_span_within_bounds_or_none(value: Any) -> None:
    found = duration(value)
    assert found is None or 0 <= found <= LONGEST_S


LATIN: Final = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=300) | (
    st.sampled_from(SPELT).filter(lambda text: text.isascii())
)


@examples(150)
@given(LATIN, LATIN)
def test_any_header_is_taken_or_refused(one: str, other: str) -> None:
    request = request_of(
        {"Idempotency-Key": one, "X-Project-Id": other, "X-Actor-Id": one, "X-Other": other},
        f"project_id={other}&{one}",
    )
    soon(idempotency.key_of, request, refusals=REFUSED)
    soon(caller.native_caller_of, request, refusals=REFUSED)
    soon(query.query_of, request, refusals=REFUSED)


@examples(150)
@given(LATIN, LATIN, LATIN, st.sampled_from([None, "", "secret"]), st.sampled_from([1.0, 300.0]))
def test_any_signature_holds_or_does_not(
    signature: str, at: str, id: str, secret: str | None, window: float
) -> None:
    spec = s.Webhook(key="k", secret=secret, window=window)
    starter = cast("s.Starter", SimpleNamespace(row=SimpleNamespace(id="0190a1b2")))
    headers = {"x-signature-256": signature, "x-timestamp": at, "x-delivery-id": id}
    soon(mark_of, starter, spec, headers, b"{}", NOW, refusals=(Unauthorized,))


@examples(150)
@given(WORDS.filter(bool), st.integers(0, 200), st.sampled_from([verify, verify_link]))
def test_a_token_that_was_changed_is_worth_nothing(piece: str, at: int, read: Any) -> None:
    for token in (
        sign(KEYS, Claim("e", "r", 1, 1, "n", NOW + 1)),
        sign_link(KEYS, LinkClaim("a", "ann", NOW + 1)),
    ):
        wrong = token[:at] + piece + token[at:]
        assert soon(partial(read, KEYS, wrong, now=NOW), refusals=(Unauthorized,)) is None


@examples(200)
@given(texts([valid.FLOW, valid.SAGA, valid.CONFIGS]), st.binary(max_size=6), st.integers(0, 300))
def test_any_bytes_are_json_or_are_refused(text: str, put: bytes, at: int) -> None:
    body = text.encode(errors="surrogatepass")
    body = body[:at] + put + body[at:]
    value = soon(bodies.value, body, refusals=REFUSED)
    msgspec.json.encode(value)
    soon(bodies.members, body, "a", refusals=REFUSED)


def read_inputs(value: Any, _place: str, faults: Faults) -> tuple[Input, ...]:
    return inputs_of(value, faults)


GIVEN: Final = {"url": "http://a", "limit": 10, "xs": [1]}


@examples(150)
@given(mutants(valid.DECLARED).map(plain), VALUES | mutants(GIVEN).map(plain))
def test_any_inputs_are_settled_or_refused(declared: Tree, values: Any) -> None:
    found = soon(noted(read_inputs), declared, refusals=REFUSED)
    if found is not None and isinstance(values, dict):
        soon(settle, found, cast("dict[str, Any]", values), refusals=REFUSED)
