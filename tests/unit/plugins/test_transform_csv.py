"""transform.csv: types, ragged rows, marks of any kind; faults name their row and column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused, unfit

FIELD = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)


@given(
    rows=st.lists(
        st.fixed_dictionaries({"a": FIELD.filter(bool), "b": FIELD, "ü": FIELD}), min_size=1
    ),
    delimiter=st.sampled_from(",;\t|ä"),
    quote=st.sampled_from("\"'"),
    end=st.sampled_from(["\n", "\r\n"]),
)
async def test_csv_reads_back_what_it_wrote(
    rows: Json, delimiter: str, quote: str, end: str
) -> None:
    marks = {"delimiter": delimiter, "quote": quote}
    text = (await done("transform.csv", op="stringify", data=rows, lineEnd=end, **marks))["text"]
    assert (await done("transform.csv", op="parse", data=text, **marks))["rows"] == rows


async def test_the_header_names_the_columns_or_there_is_none_or_it_is_given() -> None:
    data = "a,b\r\n1,2\r\n\r\n3,4"
    named = await done("transform.csv", op="parse", data="\ufeff" + data)
    assert named == {"rows": [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}], "columns": ["a", "b"]}
    bare = await done("transform.csv", op="parse", data=data, header=False)
    assert bare == {"rows": [["a", "b"], ["1", "2"], ["3", "4"]], "columns": None}
    given_names = await done("transform.csv", op="parse", data="1,2", header=["x", "y"])
    assert given_names["rows"] == [{"x": "1", "y": "2"}]
    assert (await done("transform.csv", op="parse", data=""))["rows"] == []


async def test_types_are_read_by_column() -> None:
    kinds = {"i": "integer", "n": "number", "b": "boolean", "j": "json"}
    data = 'i,n,b,j,s\n 7,-1.5e1,TRUE,"{""a"": [1]}",007\n,,,,\n'
    rows = (await done("transform.csv", op="parse", data=data, types=kinds))["rows"]
    assert rows == [
        {"i": 7, "n": -15.0, "b": True, "j": {"a": [1]}, "s": "007"},
        {"i": None, "n": None, "b": None, "j": None, "s": ""},
    ]


async def test_inference_takes_only_what_is_sure() -> None:
    data = "a,b,c,d,e,f\n1,1.50,007,true,,1e5\n"
    rows = (await done("transform.csv", op="parse", data=data, types="infer"))["rows"]
    assert rows == [{"a": 1, "b": 1.5, "c": "007", "d": True, "e": None, "f": "1e5"}]


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        ("a,b\n1,2\n3\n", {}, "row 3 has 1 fields, and the header has 2"),
        ("a,b\n1,2,3\n", {"ragged": "fill"}, "row 2 has 3 fields, and the header has 2"),
        ("a,b\n1,x\n", {"types": {"b": "integer"}}, "row 2, column 2 (b): 'x' is no integer"),
        ("a\n1e999\n", {"types": {"a": "number"}}, "row 2, column 1 (a): '1e999' is no number"),
        ('a\n"{"\n', {"types": {"a": "json"}}, "row 2, column 1 (a): '{' is no json"),
        ("a,a\n1,2\n", {}, "row 1, column 2: the name 'a' is there twice"),
        ("a,\n1,2\n", {}, "row 1, column 2: the name is empty"),
        ("a\n1\n", {"types": {"z": "integer"}}, "types: there is no column 'z'"),
        ('a\n"1\n', {}, "row 2 (line 2): unexpected end of data"),
        ('a\n"1"2\n', {}, "row 2 (line 2): ',' expected after '\"'"),
        ("a\n", {"delimiter": '"'}, "delimiter and quote are the same"),
        ("a\n", {"delimiter": "\n"}, "delimiter: a line end cannot be one"),
        ([], {}, "data: parse takes a text, not a list"),
    ],
)
async def test_what_does_not_fit_is_told_by_row_and_column(
    data: Json, more: Json, said: str
) -> None:
    assert await refused("transform.csv", op="parse", data=data, **more) == said


async def test_short_rows_may_be_filled() -> None:
    found = await done("transform.csv", op="parse", data="a,b\n1\n", ragged="fill")
    assert found["rows"] == [{"a": "1", "b": None}]


async def test_columns_are_those_of_all_rows_and_each_kind_has_its_text() -> None:
    rows = [{"a": True, "b": 1.5}, {"c": {"x": [1]}, "a": None}]
    found = await done("transform.csv", op="stringify", data=rows)
    assert found["text"] == 'a,b,c\ntrue,1.5,\n,,"{""x"":[1]}"\n'
    assert found["columns"] == ["a", "b", "c"]


async def test_rows_that_are_no_rows_are_told() -> None:
    call = {"op": "stringify"}
    assert (await refused("transform.csv", data=[{"a": 1}, 5], **call)).startswith("data[1]: a row")
    said = await refused("transform.csv", data=[[1, 2], [1]], header=["a", "b"], **call)
    assert said == "data[1] has 1 fields, and the header has 2"
    said = await refused("transform.csv", data=[{"a": 1, "z": 2}], header=["a"], **call)
    assert said == "data[0]: there is no column 'z'"
    assert (await refused("transform.csv", data="x", **call)).startswith("data: stringify takes")


async def test_texts_that_a_sheet_would_run_can_be_disarmed() -> None:
    rows = [{"a": "=cmd()", "b": -5}]
    found = await done("transform.csv", op="stringify", data=rows, escapeFormulas=True)
    assert found["text"] == "a,b\n'=cmd(),-5\n"


def test_marks_are_one_character() -> None:
    assert unfit("transform.csv", {"op": "parse", "data": "", "delimiter": "::"})
