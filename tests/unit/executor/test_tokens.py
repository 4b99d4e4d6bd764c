"""Tokens of callbacks and of links: only what was signed is believed, until it expires."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mainspring.domain.errors import Expired, Unauthorized
from mainspring.runtime.config import CallbackKey
from mainspring.runtime.tokens import Claim, LinkClaim, sign, sign_link, verify, verify_link

OLD = CallbackKey("old", bytes(range(32)))
NEW = CallbackKey("new", bytes(range(1, 33)))
CLAIM = Claim("0190f2d4-8b1e-7c3a-9d2e-5f6a7b8c9d0e", "charge", 1, 2, "ab" * 16, 1000.5)
LINK = LinkClaim("0190f2d4-8b1e-7c3a-9d2e-5f6a7b8c9d0e", "ann", 1000.5)
CLAIMS = st.builds(
    Claim,
    execution=st.text(max_size=40),
    ref=st.text(max_size=40),
    visit=st.integers(1, 10_000),
    attempt=st.integers(1, 10_000),
    nonce=st.text(alphabet="0123456789abcdef", min_size=32, max_size=32),
    expires_at=st.floats(1, 1e12),
)


@given(CLAIMS)
def test_what_was_signed_comes_back(claim: Claim) -> None:
    assert verify([NEW], sign([NEW], claim), now=0.0) == claim


@given(CLAIMS, st.data())
def test_a_change_of_any_character_is_refused(claim: Claim, data: st.DataObject) -> None:
    token = sign([NEW, OLD], claim)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters())
    assume(other != token[place])
    with pytest.raises(Unauthorized):
        verify([NEW, OLD], token[:place] + other + token[place + 1 :], now=0.0)


def test_every_change_of_every_character_within_the_alphabet_is_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.="
    token = sign([NEW], CLAIM)
    for place, old in enumerate(token):
        for other in alphabet.replace(old, ""):
            with pytest.raises(Unauthorized):
                verify([NEW], token[:place] + other + token[place + 1 :], now=0.0)


@given(st.text(max_size=200))
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(Unauthorized):
        verify([NEW], text, now=0.0)


def test_a_shorter_or_longer_token_is_refused() -> None:
    token = sign([NEW], CLAIM)
    for text in (token[:-1], token + "A", token + "=", token * 2, "", "x" * 100_000):
        with pytest.raises(Unauthorized):
            verify([NEW], text, now=0.0)


def test_a_token_holds_until_its_instant_and_not_at_it() -> None:
    token = sign([NEW], CLAIM)
    assert verify([NEW], token, now=1000.4) == CLAIM
    with pytest.raises(Expired):
        verify([NEW], token, now=1000.5)


def test_a_forged_token_that_has_expired_is_told_to_be_forged() -> None:
    token = sign([OLD], CLAIM)
    with pytest.raises(Unauthorized):
        verify([NEW], token, now=2000.0)


def test_keys_rotate_the_first_signs_and_all_verify() -> None:
    old = sign([OLD], CLAIM)
    assert verify([NEW, OLD], old, now=0.0) == CLAIM
    assert sign([NEW, OLD], CLAIM).startswith("new.")
    with pytest.raises(Unauthorized):
        verify([NEW], old, now=0.0)


def test_the_same_key_under_another_id_is_another_key() -> None:
    with pytest.raises(Unauthorized):
        verify([CallbackKey("other", NEW.secret)], sign([NEW], CLAIM), now=0.0)


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(Unauthorized):
        sign([], CLAIM)


@pytest.mark.parametrize("approver", ["", "ann", "Ann Ü. <ann@example.org>"])
def test_a_link_holds_until_its_instant_and_not_at_it(approver: str) -> None:
    claim = LinkClaim(LINK.approval, approver, 1000.5)
    token = sign_link([NEW], claim)
    assert verify_link([OLD, NEW], token, now=1000.4) == claim
    with pytest.raises(Expired):
        verify_link([NEW], token, now=1000.5)
    with pytest.raises(Unauthorized):
        verify_link([OLD], token, now=1000.5)


def test_every_change_of_a_link_is_refused() -> None:
    token = sign_link([NEW], LINK)
    for place, old in enumerate(token):
        for other in "Aa0-_.=:".replace(old, ""):
            with pytest.raises(Unauthorized):
                verify_link([NEW], token[:place] + other + token[place + 1 :], now=0.0)


def test_a_link_is_no_callback_token_and_a_callback_token_no_link() -> None:
    with pytest.raises(Unauthorized):
        verify([NEW], sign_link([NEW], LINK), now=0.0)
    with pytest.raises(Unauthorized):
        verify_link([NEW], sign([NEW], CLAIM), now=0.0)
