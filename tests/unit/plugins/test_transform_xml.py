"""transform.xml: the shape of the values, both ways, and what hostile documents get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused, unfit

NAMES = st.sampled_from(["a", "b", "ns:c", "_d-1.e", "ü"])
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6)
TREES = st.recursive(
    TEXTS,
    lambda inner: st.dictionaries(
        NAMES, st.one_of(inner, st.lists(inner, min_size=2, max_size=3)), min_size=1, max_size=3
    ),
    max_leaves=8,
)


@given(tree=TREES, attributes=st.dictionaries(NAMES.map("@{}".format), TEXTS | st.just("\n\t\r")))
async def test_xml_reads_back_what_it_wrote(tree: Json, attributes: Json) -> None:
    root = {**attributes, **(tree if isinstance(tree, dict) else {"x": tree})}
    document = {"root": root}
    text = (await done("transform.xml", op="stringify", data=document, declaration=True))["text"]
    back = await done("transform.xml", op="parse", data=text, trim=False)
    assert back["data"] == document


async def test_elements_attributes_and_texts_have_their_places() -> None:
    text = """<?xml version="1.0" encoding="ISO-8859-1"?>
    <o:order xmlns:o="urn:o" id='7'><!-- no --><line n="1">é &amp; x</line>
      <line>  b  </line><note/><only>1</only><![CDATA[c < d]]></o:order>"""
    found = await done("transform.xml", op="parse", data=text, lists=["only"])
    assert found["data"] == {
        "o:order": {
            "@xmlns:o": "urn:o",
            "@id": "7",
            "line": [{"@n": "1", "#text": "é & x"}, "b"],
            "note": "",
            "only": ["1"],
            "#text": "c < d",
        }
    }


async def test_values_of_other_kinds_are_written_as_texts() -> None:
    data = {"a": {"$n": 1.5, "b": [True, None, {"#text": 2, "$x": '"<'}]}}
    found = await done("transform.xml", op="stringify", data=data, attrPrefix="$")
    assert found["text"] == '<a n="1.5"><b>true</b><b/><b x=\'"&lt;\'>2</b></a>'


BOMB = """<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<lolz>&b;&b;&b;</lolz>"""
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, "<!DOCTYPE html><html/>"])
async def test_document_types_and_entities_are_refused(text: str) -> None:
    said = await refused("transform.xml", op="parse", data=text)
    assert said == "data: document types and entities are not allowed"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<a>\n <b></a>", "data: line 2, column 7: mismatched tag"),
        ("<a>&nope;</a>", "data: line 1, column 4: undefined entity"),
        ("", "data: line 1, column 1: no element found"),
        ("x", "data: line 1, column 1: syntax error"),
        ("<a/><b/>", "data: line 1, column 5: junk after document element"),
        ("<a" + ">\n<a" * 200, "data: a: more than 100 levels deep"),
    ],
)
async def test_what_is_no_document_is_told_with_line_and_column(text: str, said: str) -> None:
    assert await refused("transform.xml", op="parse", data=text) == said


async def test_the_number_of_nodes_is_bounded() -> None:
    said = await refused("transform.xml", op="parse", data="<a>" + "<b/>" * 200_001)
    assert said == "data: more than 200000 elements and attributes"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"a": 1, "b": 2}, "data: a document is an object with one name, that of its root"),
        ([], "data: a document is an object with one name, that of its root"),
        ({"a": [1, 2]}, "data.a: a document has one root, not a list of them"),
        ({"a b": 1}, "data.a b: 'a b' is no name of an element"),
        ({"a": {"b><c": 1}}, "data.a.b><c: 'b><c' is no name of an element"),
        ({"a": {'@x="1" y': 1}}, 'data.a.@x="1" y: \'x="1" y\' is no name of an attribute'),
        ({"a": {"@x": {}}}, "data.a.@x: an object cannot stand where a text stands"),
        ({"a": {"b": [1, [2]]}}, "data.a.b[1]: a list cannot stand where a text stands"),
        ({"a": {"b": "\x00"}}, "data.a.b: XML cannot hold the character U+0000"),
    ],
)
async def test_what_xml_cannot_hold_is_told_with_its_place(data: Json, said: str) -> None:
    assert await refused("transform.xml", op="stringify", data=data) == said


async def test_values_nested_too_deeply_are_refused() -> None:
    data = "x"
    for _ in range(150):
        data = {"a": data}
    said = await refused("transform.xml", op="stringify", data=data)
    assert said == "data: more than 100 levels deep"


def test_a_prefix_cannot_begin_a_name() -> None:
    assert unfit("transform.xml", {"op": "parse", "data": "", "attrPrefix": "a"})
