"""Callback tokens: whoever holds one may answer one attempt of one step, once, until it expires.

    <key id>.<claim>.<signature>

The claim is base64url of a JSON array, the signature base64url of HMAC-SHA256 over all before it,
so changing any character breaks it, the key id's too.  The signature is compared as text: the last
character of base64url has bits that decoding would ignore.  Whether the token was used before is
the execution's matter (its nonce), not this module's.  A JWT lost: it can say which algorithm it
wants, and there is only one.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

from mainspring.domain.errors import Expired, Unauthorized
from mainspring.runtime.config import CallbackKey

LONGEST: Final = 4096


class Claim(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which attempt of which step the bearer may answer, and until when."""

    execution: str
    ref: str
    visit: int
    attempt: int
    nonce: str
    expires_at: float


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Claim).decode


def sign(keys: Sequence[CallbackKey], claim: Claim) -> str:
    """Return the token of a claim, signed by the first key; raise `Unauthorized` without any."""
    if not keys:
        raise Unauthorized("no callback key is configured")
    signed = f"{keys[0].kid}.{_text(_encode(claim))}"
    return f"{signed}.{_signature(keys[0], signed)}"


def verify(keys: Sequence[CallbackKey], token: str, *, now: float) -> Claim:
    """Return the claim of a token that one of the keys signed.

    Raises `Unauthorized` when none did, and `Expired` only when one did and it is too late.
    """
    if len(token) > LONGEST or not token.isascii():
        raise Unauthorized("the callback token is not valid")
    signed, _, signature = token.rpartition(".")
    kid, _, claimed = signed.partition(".")
    key = next((key for key in keys if key.kid == kid), None)
    if key is None or not hmac.compare_digest(_signature(key, signed), signature):
        raise Unauthorized("the callback token is not valid")
    claim = _claim(claimed)
    if now >= claim.expires_at:
        raise Expired("the callback token has expired")
    return claim


def _claim(text: str) -> Claim:
    try:
        return _decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, msgspec.DecodeError) as error:
        # Signed by us, in the form of another version: it cannot be honoured.
        raise Unauthorized("the callback token is not of this version") from error


def _signature(key: CallbackKey, signed: str) -> str:
    return _text(hmac.digest(key.secret, signed.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
