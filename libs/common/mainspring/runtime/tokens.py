"""Tokens: whoever holds one may do one thing, until it expires.

    <key id>.<claim>.<signature>

The claim is base64url of a JSON array, the signature base64url of HMAC-SHA256 over all before it,
so changing any character breaks it, the key id's too.  The signature is compared as text: the last
character of base64url has bits that decoding would ignore.  A callback token lets its holder answer
one attempt of one step; a link lets a person decide one approval.  What is signed for a link begins
with its purpose, which no key id can, so neither passes for the other.  Whether a token was used
before is the execution's matter, not this module's.  A JWT lost: it can say which algorithm it
wants, and there is only one.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from mainspring.domain.errors import Expired, Unauthorized
from mainspring.runtime.config import CallbackKey

LONGEST: Final = 4096
_LINK: Final = "approval-link:"
T = TypeVar("T")


class Claim(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which attempt of which step the bearer may answer, and until when."""

    execution: str
    ref: str
    visit: int
    attempt: int
    nonce: str
    expires_at: float


class LinkClaim(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which approval the bearer may decide, in whose name (empty: nobody's), and until when."""

    approval: str
    approver: str
    expires_at: float


_encode = msgspec.json.Encoder().encode


def sign(keys: Sequence[CallbackKey], claim: Claim) -> str:
    """Return the token of a claim, signed by the first key; raise `Unauthorized` without any."""
    return _signed(keys, "", claim)


def verify(keys: Sequence[CallbackKey], token: str, *, now: float) -> Claim:
    """Return the claim of a token that one of the keys signed.

    Raises `Unauthorized` when none did, and `Expired` only when one did and it is too late.
    """
    claim = _claim(keys, "", token, Claim)
    if now >= claim.expires_at:
        raise Expired("the callback token has expired")
    return claim


def sign_link(keys: Sequence[CallbackKey], claim: LinkClaim) -> str:
    """Return the token of a link; raise `Unauthorized` without any key."""
    return _signed(keys, _LINK, claim)


def verify_link(keys: Sequence[CallbackKey], token: str, *, now: float) -> LinkClaim:
    """Return the claim of a link's token; raise `Unauthorized` and `Expired` as `verify` does."""
    claim = _claim(keys, _LINK, token, LinkClaim)
    if now >= claim.expires_at:
        raise Expired("the link has expired")
    return claim


def _signed(keys: Sequence[CallbackKey], purpose: str, claim: msgspec.Struct) -> str:
    if not keys:
        raise Unauthorized("no callback key is configured")
    signed = f"{keys[0].kid}.{_text(_encode(claim))}"
    return f"{signed}.{_signature(keys[0], purpose + signed)}"


def _claim(keys: Sequence[CallbackKey], purpose: str, token: str, kind: type[T]) -> T:
    what = "link" if purpose else "callback token"
    if len(token) > LONGEST or not token.isascii():
        raise Unauthorized(f"the {what} is not valid")
    signed, _, signature = token.rpartition(".")
    kid, _, claimed = signed.partition(".")
    key = next((key for key in keys if key.kid == kid), None)
    if key is None or not hmac.compare_digest(_signature(key, purpose + signed), signature):
        raise Unauthorized(f"the {what} is not valid")
    try:
        padding = "=" * (-len(claimed) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(claimed + padding), type=kind)
    except (binascii.Error, msgspec.DecodeError) as error:
        # Signed by us, in the form of another version: it cannot be honoured.
        raise Unauthorized(f"the {what} is not of this version") from error


def _signature(key: CallbackKey, signed: str) -> str:
    return _text(hmac.digest(key.secret, signed.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
