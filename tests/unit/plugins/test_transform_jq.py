"""transform.jq: jq's answers and jq's words, and nothing of the world around."""

import pytest

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused


async def test_all_results_come_back_in_order() -> None:
    data = {"items": [{"n": 1}, {"n": 2}]}
    assert (await done("transform.jq", filter=".items[].n", data=data))["results"] == [1, 2]
    assert (await done("transform.jq", filter="empty", data=None))["results"] == []
    assert (await done("transform.jq", filter=". # all", data="é"))["results"] == ["é"]


@pytest.mark.parametrize(
    ("program", "data", "said"),
    [
        (".a |", {}, "filter: "),
        (".a.b", {"a": 1}, "filter: Cannot index number with"),
        ("nope(1)", None, "filter: line 1, column 1: nope/1 is not defined"),
        ("1 |\n  nope", None, "filter: line 2, column 3: nope/0 is not defined"),
        ('error("mine")', None, "filter: mine"),
        ("error(null)", None, "filter: null"),
    ],
)
async def test_jq_says_what_is_wrong_and_where(program: str, data: Json, said: str) -> None:
    assert (await refused("transform.jq", filter=program, data=data)).startswith(said)


@pytest.mark.parametrize(
    "program", ["env", "$ENV", "1) | ($ENV", "def f: $ENV; f", "[$ENV] | .[0]", '"x" | env']
)
async def test_no_filter_sees_the_environment(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    assert {} in (await done("transform.jq", filter=program, data=None))["results"]


@pytest.mark.parametrize(
    "program",
    ['import "a" as a; a::b', 'include "a"; .', 'import "a" as $a; $a', '"a" | modulemeta'],
)
async def test_no_filter_reads_a_file(program: str) -> None:
    await refused("transform.jq", filter=program, data=None)


async def test_results_are_bounded() -> None:
    said = await refused("transform.jq", filter="repeat(1)", data=1)
    assert said == "the filter gave more than 100000 results"
