"""Lines between a client and a server: open, silent, reset and flooded, and open again."""

from collections.abc import Iterator

import httpx
import pytest

from mainspring.testing import peer
from mainspring.testing.chaos.lines import Line, Lines, lines

SOON_S = 0.3


@pytest.fixture
def ways() -> Iterator[Lines]:
    with lines() as whole:
        yield whole


@pytest.fixture
def line(ways: Lines) -> Iterator[Line]:
    with peer.serve(lambda _: peer.Reply(200, b'{"ok":1}')) as other:
        yield ways.to(int(other.url.rsplit(":", 1)[1]))


def asked(line: Line, http: httpx.Client | None = None) -> int:
    """The status of an answer that must come soon."""
    if http is not None:
        return http.get(line.url).status_code
    with httpx.Client(timeout=SOON_S, trust_env=False) as fresh:
        return fresh.get(line.url).status_code


def test_an_open_line_hands_on(line: Line) -> None:
    assert asked(line) == 200


def test_a_silent_line_answers_nobody_and_goes_on_where_it_was(line: Line) -> None:
    with httpx.Client(timeout=SOON_S, trust_env=False) as before:
        assert asked(line, before) == 200
        line.become("silent")
        with pytest.raises(httpx.ReadTimeout):
            asked(line, before)
        with pytest.raises(httpx.ReadTimeout):
            asked(line)
        line.become("open")
        assert asked(line, before) == 200
    assert asked(line) == 200


def test_a_line_that_resets_cuts_off_who_is_on_it_and_who_comes(line: Line) -> None:
    with httpx.Client(timeout=SOON_S, trust_env=False) as before:
        assert asked(line, before) == 200
        line.become("reset")
        for http in before, None:
            with pytest.raises(httpx.TransportError):
                asked(line, http)
        line.become("open")
        assert asked(line, before) == 200


def test_a_flooded_line_answers_without_end(line: Line) -> None:
    line.become("flood")
    with httpx.stream("GET", line.url, timeout=SOON_S, trust_env=False) as answer:
        taken = 0
        for piece in answer.iter_raw():
            taken += len(piece)
            if taken > 4 << 20:
                break
    line.become("open")
    assert asked(line) == 200
