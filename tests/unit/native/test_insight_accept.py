"""What a client would rather have: read from its header, whatever stands there."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mainspring_api.dialects.native.insight.accept import prefers

KIND, OTHER = "text/vnd.mermaid", "application/json"


@pytest.mark.parametrize(
    "accept",
    [
        "text/vnd.mermaid",
        "TEXT/VND.MERMAID ; charset=utf-8",
        "text/*",
        "text/vnd.mermaid, application/json;q=0.9",
        "application/json;q=0.5,*/*;q=0.8",
        "text/vnd.mermaid;q=0.001",
    ],
)
def test_the_greater_weight_wins(accept: str):
    assert prefers(accept, KIND, to=OTHER)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/vnd.mermaid, application/json",
        "text/vnd.mermaid;q=0, */*",
        "text/vnd.mermaid;q=much",
        "text/vnd.mermaid;q=0.5, application/*;q=0.6",
        "text/vnd.mermaids",
    ],
)
def test_the_ordinary_one_is_given_unless_the_other_is_wanted_more(accept: str):
    assert not prefers(accept, KIND, to=OTHER)


@forall(st.text(alphabet="text/vnd.mermaid*;,q=01. \u0661", max_size=60) | st.text(max_size=60))
def test_no_header_breaks_the_reading_and_no_two_are_preferred_to_each_other(accept: str):
    assert not (prefers(accept, KIND, to=OTHER) and prefers(accept, OTHER, to=KIND))
