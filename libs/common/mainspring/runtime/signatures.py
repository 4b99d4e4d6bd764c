"""Signatures of what Mainspring sends unasked, so that a receiver can tell it from a forgery.

    X-Mainspring-Signature: kid=<key id>,t=<unix seconds>,v1=<hex>

`v1` is the HMAC-SHA256, under the callback key of that id, over `<t>.` and the body as sent.  The
instant is signed too: a receiver that refuses old ones cannot be made to act twice by a replay.
"""

import hmac
from collections.abc import Sequence
from typing import Final

from mainspring.domain.errors import Unauthorized
from mainspring.runtime.config import CallbackKey

HEADER: Final = "X-Mainspring-Signature"


def signature(keys: Sequence[CallbackKey], body: bytes, *, now: float) -> str:
    """Return the signature of a body by the first key; raise `Unauthorized` without any."""
    if not keys:
        raise Unauthorized("no callback key is configured")
    at = str(int(now))
    digest = hmac.digest(keys[0].secret, f"{at}.".encode() + body, "sha256")
    return f"kid={keys[0].kid},t={at},v1={digest.hex()}"
