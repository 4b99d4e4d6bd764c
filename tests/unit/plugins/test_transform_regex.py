"""transform.regex: five operations, Python's flags and templates, no runaway."""

import time

import pytest

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused, unfit


async def test_match_gives_the_first_match_with_its_groups() -> None:
    found = await done("transform.regex", pattern=r"(?P<user>\w+)@(\w+)(x)?", text="é: a@b, c@d")
    assert found["result"] == "a@b"
    assert found["groups"] == ["a", "b", None]
    assert found["matches"] == [
        {
            "text": "a@b",
            "start": 3,
            "end": 6,
            "groups": ["a", "b", None],
            "named": {"user": "a"},
        }
    ]
    nothing = await done("transform.regex", pattern="z", text="abc")
    assert nothing == {"result": None, "matches": [], "groups": []}


async def test_find_all_gives_every_match_in_order_up_to_the_limit() -> None:
    found = await done("transform.regex", op="findAll", pattern=r"\d+", text="1 22 é 333")
    assert found["result"] == ["1", "22", "333"]
    assert [(each["start"], each["end"]) for each in found["matches"]] == [(0, 1), (2, 4), (7, 10)]
    few = await done("transform.regex", op="findAll", pattern=r"\d+", text="1 22 333", limit=2)
    assert few["result"] == ["1", "22"]


@pytest.mark.parametrize(
    ("pattern", "replacement", "text", "result"),
    [
        (r"(\w+) (\w+)", r"\2 \1", "hello wörld", "hello wörld"),
        (r"(\w+) (\w+)", r"\2 \1", "hello world", "world hello"),
        (r"(?P<a>x)|y", r"<\g<a>>", "xy", "<x><>"),
        (r",", r"\n", "a,b", "a\nb"),
        (r",", r"\\", "a,b", "a\\b"),
        (r"", "-", "ab", "-a-b-"),
        (r"é", "è", "été", "ètè"),
    ],
)
async def test_replace_fills_the_groups_in(
    pattern: str, replacement: str, text: str, result: str
) -> None:
    options: Json = {"op": "replace", "pattern": pattern, "replacement": replacement}
    if text == "hello wörld":  # \w is ASCII in RE2
        options["pattern"] = r"(\pL+) (\pL+)"
        result = "wörld hello"
    assert (await done("transform.regex", text=text, **options))["result"] == result


async def test_split_and_test_and_flags() -> None:
    split = await done("transform.regex", op="split", pattern=r"(,)\s*", text="a, b,c", limit=1)
    assert split["result"] == ["a", "b,c"]
    lines = {"op": "test", "pattern": "^B.C$", "text": "a\nb\nc"}
    assert (await done("transform.regex", flags="ims", **lines))["result"] is True
    assert (await done("transform.regex", flags="im", **lines))["result"] is False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pattern": "(a"}, "pattern: missing ): (a"),
        ({"pattern": r"(?=a)"}, "pattern: invalid perl operator: (?="),
        ({"pattern": r"(a)\1"}, r"pattern: invalid escape sequence: \1"),
        ({"pattern": "a", "replacement": r"\1"}, "replacement: character 1: the pattern has no"),
        ({"pattern": "a", "replacement": r"x\q"}, r"replacement: character 2: \q stands for"),
        ({"pattern": "a", "replacement": "x\\"}, "replacement: character 2: \\ stands for nothing"),
        ({"pattern": "((((a{100}){100}){100}){100})"}, "pattern: "),
    ],
)
async def test_what_is_no_pattern_is_told_with_its_place(given: Json, said: str) -> None:
    assert (await refused("transform.regex", op="replace", text="a", **given)).startswith(said)


async def test_a_pattern_that_backtracks_for_years_elsewhere_ends_at_once() -> None:
    began = time.process_time()
    found = await done("transform.regex", op="test", pattern="^(a+)+$", text="a" * 50_000 + "b")
    assert found["result"] is False
    assert time.process_time() - began < 5


async def test_matches_are_bounded() -> None:
    said = await refused("transform.regex", op="findAll", pattern="", text="a" * 100_001)
    assert said == "the pattern matches more than 100000 times"


def test_flags_are_those_of_the_manifest() -> None:
    assert unfit("transform.regex", {"pattern": "a", "text": "a", "flags": "x"})
