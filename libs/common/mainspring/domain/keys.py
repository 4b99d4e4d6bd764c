"""Event keys: what a trigger is waited for under, and what an event is sent to."""

LONGEST_KEY = 512
"""Bytes of an event key."""


class KeyInvalid(ValueError):
    """An event key that no trigger may have; the message says why."""


def event_key(text: str) -> str:
    """Return a key as it is; raise `KeyInvalid` when it is empty, too long or unprintable."""
    if not text:
        raise KeyInvalid("the event key is empty")
    if len(text.encode(errors="replace")) > LONGEST_KEY:
        raise KeyInvalid(f"the event key is longer than {LONGEST_KEY} bytes")
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in text):
        raise KeyInvalid("the event key has control characters")
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise KeyInvalid("the event key has half a character")
    return text
