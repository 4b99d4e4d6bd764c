"""transform.yaml: plain values both ways; bombs, tags and doubled names are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused

TRICKY = ["yes", "no", "0o17", "1e5", ".inf", "~", "<<", "=", "-", "1_0", "2001-01-01", "a: b", "#"]
TEXTS = st.text(st.characters(exclude_categories=("Cs",))) | st.sampled_from(TRICKY)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES, indent=st.integers(2, 8))
async def test_yaml_reads_back_what_it_wrote(value: Json, indent: Json) -> None:
    text = (await done("transform.yaml", op="stringify", data=value, indent=indent))["text"]
    assert (await done("transform.yaml", op="parse", data=text))["data"] == value


@given(values=st.lists(VALUES, max_size=3))
async def test_several_documents_are_a_list(values: Json) -> None:
    call = {"multiple": True}
    text = (await done("transform.yaml", op="stringify", data=values, **call))["text"]
    assert (await done("transform.yaml", op="parse", data=text, **call))["data"] == values


async def test_plain_scalars_are_read_as_yaml_1_2_has_it() -> None:
    text = """
    words: [yes, on, True, ~, null]
    numbers: [1, -2.5, 0o17, 0x1F, 1e3, +7]
    texts: [2001-01-01, 1:30, '1', "x\\ty", !!str 5]
    1: name
    """
    assert (await done("transform.yaml", op="parse", data=text))["data"] == {
        "words": ["yes", "on", True, None, None],
        "numbers": [1, -2.5, 15, 31, 1000.0, 7],
        "texts": ["2001-01-01", "1:30", "1", "x\ty", "5"],
        "1": "name",
    }


async def test_aliases_and_merges_are_written_out() -> None:
    text = "base: &b {x: 1, y: 2}\nother: {<<: *b, y: 3}\nboth: {<<: [{x: 9}, *b]}\nlast: *b\n"
    assert (await done("transform.yaml", op="parse", data=text))["data"] == {
        "base": {"x": 1, "y": 2},
        "other": {"x": 1, "y": 3},
        "both": {"x": 9, "y": 2},
        "last": {"x": 1, "y": 2},
    }


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAIN = "- &a0 x\n" + "\n".join(f"- &a{at + 1} [*a{at}]" for at in range(150))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "data: more than 200000 values, aliases written out"),
        (CHAIN, "data: line 101, column 10: more than 100 levels deep"),
        ("[" * 500, "data: line 1, column 102: more than 100 levels deep"),
        ("[" * 50_000, "data: line 1, column "),
        ("&a [*a]", "data: line 1, column 5: there is no anchor 'a' before this"),
        ("a: 1\na: 2", "data: line 2, column 1: the name 'a' is there twice"),
        ("? [a]\n: 1", "data: line 1, column 3: a name is a text"),
        ("!!python/object/apply:os.system [ls]", "data: line 1, column 1: the tag"),
        ("a: !!binary aGk=", "data: line 1, column 4: the tag"),
        ("x: .nan", "data: line 1, column 4: .nan is no number of JSON"),
        ("x: 1e999", "data: line 1, column 4: 1e999 is too large a number"),
        ("a: [1\nb: 2", "data: line 2, column 2: did not find expected"),
        ("a: \x00", "data: "),
        ("--- 1\n--- 2", "data: the text holds several documents; say multiple: true"),
        ("<<: 1", "data: line 1, column 1: << takes objects"),
    ],
)
async def test_what_is_refused_is_told_with_line_and_column(text: str, said: str) -> None:
    assert (await refused("transform.yaml", op="parse", data=text)).startswith(said)


async def test_each_operation_takes_its_own_kind() -> None:
    assert (await refused("transform.yaml", op="parse", data=[])).startswith("data: parse takes")
    said = await refused("transform.yaml", op="stringify", data={}, multiple=True)
    assert said == "data: several documents are a list, not an object"
    assert (await done("transform.yaml", op="parse", data=""))["data"] is None
