"""Refusals of the native dialect, as every service sends them."""

import msgspec


class Fault(msgspec.Struct, omit_defaults=True):
    """What is wrong: a code for programs, a sentence for people, and every fault with its place."""

    code: str
    message: str
    details: tuple[str, ...] = ()


class Refusal(msgspec.Struct):
    """The body of every answer of 400 and above."""

    error: Fault
    request_id: str
