"""Tries once, or, told for how many seconds, again and again with other examples until then."""

import os
from itertools import cycle
from time import monotonic

import pytest

SECONDS = float(os.environ.get("MAINSPRING_FUZZ_SECONDS", "0"))


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Go round through all tests until the time is over, or one of them fails."""
    if not SECONDS or session.config.option.collectonly or session.testsfailed:
        return None
    until = monotonic() + SECONDS
    round_of = cycle(session.items)
    following = next(round_of, None)
    while following is not None:
        item, following = following, next(round_of)
        if monotonic() >= until:
            following = None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail or session.shouldstop or session.testsfailed:
            break
    return True
