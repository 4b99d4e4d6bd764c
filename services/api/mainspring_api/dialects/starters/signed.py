"""Whether a delivery is who it says it is from, and what makes it the same as another.

A signature is over the body alone, as most senders make it, or over `<timestamp>.<body>`.  With a
timestamp it is good for the window and never again.  Without one the same body has the same
signature for ever, so the same signature is the same delivery within the window, and another one
after it.  A delivery's own id tells retries of one delivery, which may be signed anew; it is not
signed itself, so beside it the signature still counts.
"""

import hmac
import math
from base64 import b64encode
from collections.abc import Mapping
from typing import Final, NamedTuple

from mainspring.domain import starters as s
from mainspring.domain.errors import Unauthorized

HEADERS: Final = ("x-signature-256", "x-hub-signature-256")
TIMESTAMP: Final = "x-timestamp"
IDS: Final = ("x-delivery-id", "idempotency-key", "x-github-delivery")
LONGEST_ID: Final = 256


class Mark(NamedTuple):
    """What makes a delivery the same as another: ids of its run, and keys of its signature.

    The first id is the run's if it is to be started; the others are where it may be already.  Of
    the keys the first is to be kept, and none may be taken.
    """

    ids: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    since: float = 0.0


def mark_of(
    starter: s.Starter, spec: s.Webhook, headers: Mapping[str, str], body: bytes, now: float
) -> Mark:
    """Return what a delivery is known by; nothing when it cannot be told from others.

    Raises `Unauthorized` when it is not signed as it should be.
    """
    given = next((headers[name] for name in IDS if headers.get(name)), "")[:LONGEST_ID]
    delivery = (s.run_for(starter.row.id, f"id {given}"),) if given else ()
    form = form_of(spec)
    if form is None:
        return Mark(delivery)
    signature = _checked(spec, form, headers, body, now)
    if TIMESTAMP in headers:
        name = f"signed {headers[TIMESTAMP]} {signature}"
        return Mark(delivery or (s.run_for(starter.row.id, name),), (name,) if delivery else ())
    # A signature belongs to the window that it came in, and is looked for in the one before too.
    number = math.floor(now / spec.window)
    names = {each: f"signed in {each} {signature}" for each in (number, number - 1)}
    ids = tuple(s.run_for(starter.row.id, name, each * spec.window) for each, name in names.items())
    keys = tuple(names.values()) if delivery else ()
    return Mark(delivery or ids, keys, now - spec.window)


def form_of(spec: s.Webhook) -> s.Hmac | None:
    """Return how deliveries are signed; None where they are not."""
    if spec.hmac is not None or spec.secret is None:
        return spec.hmac
    return s.Hmac(secret=spec.secret, header=spec.header)


def names_of(spec: s.Webhook) -> tuple[str, ...]:
    """Return the headers, in lower case, of which the first that is there is the signature.

    Where the form is told apart (`hmac`), it is the one that is named there and no other.
    """
    form = form_of(spec)
    own = (form.header.lower(),) if form is not None and form.header else ()
    return own if own and spec.hmac is not None else (*own, *HEADERS)


def _checked(
    spec: s.Webhook, form: s.Hmac, headers: Mapping[str, str], body: bytes, now: float
) -> str:
    """Return the signature, if it holds."""
    given = next((headers[name] for name in names_of(spec) if headers.get(name)), "").strip()
    text = body
    stamp = headers.get(TIMESTAMP)
    if stamp is not None:
        is_number = stamp.isascii() and stamp.isdecimal() and len(stamp) < 16
        if not is_number or abs(now - int(stamp)) > spec.window:
            raise Unauthorized("the timestamp is missing, or not of now")
        text = stamp.encode() + b"." + body
    if form.secret is None:
        raise Unauthorized("the secret of this webhook is still to be set")
    digest = hmac.digest(form.secret.encode(), text, form.algorithm)
    wanted = digest.hex() if form.encoding == "hex" else b64encode(digest).decode()
    if not hmac.compare_digest(form.before + wanted, _plain(form, given)):
        raise Unauthorized("the signature is missing or does not hold")
    return digest.hex()


def _plain(form: s.Hmac, given: str) -> str:
    """Return a signature as it is compared: of a digest in hex the case does not matter."""
    text = given if given.isascii() else ""
    start = text[: len(form.before)]
    if start.lower() != form.before.lower():
        return ""
    rest = text[len(form.before) :]
    return form.before + (rest.lower() if form.encoding == "hex" else rest)
