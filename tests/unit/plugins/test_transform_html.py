"""transform.html: values by selectors, text and Markdown, from pages of any quality."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused

PAGE = """
<html><head><title>T</title><style>p {}</style></head><body>
<div class=item><a href="/1">One <b>big</b></a><span>10</span></div>
<div class=item><a href="/2">Two</a></div><script>alert(1)</script>
"""


async def values(**call: Json) -> Json:
    return (await done("transform.html", **call))["values"]


async def test_extract_takes_texts_and_attributes_in_the_order_of_the_page() -> None:
    assert await values(data=PAGE, css=".item > a") == ["One big", "Two"]
    assert await values(data=PAGE, css="a", attr="href", limit=1) == ["/1"]
    assert await values(data=PAGE, css="a", attr="title") == [None, None]
    assert await values(data=PAGE, css="h9") == []


async def test_fields_make_an_object_of_each_element() -> None:
    fields = {"name": {"css": "a"}, "to": {"css": "a", "attr": "href"}, "n": {"css": "span"}}
    assert await values(data=PAGE, css=".item", fields=fields) == [
        {"name": "One big", "to": "/1", "n": "10"},
        {"name": "Two", "to": "/2", "n": None},
    ]


async def test_text_is_a_line_a_block_without_what_is_never_shown() -> None:
    assert await values(op="toText", data=PAGE) == ["One big10\nTwo"]
    assert await values(op="toText", data="a<br>b &amp; c<p> d \n e") == ["a\nb & c\nd e"]


MARKED = """<h2>A <i>b</i></h2><p>x <b> y </b>z<br>w * v</p>
<ul><li>one<li>two<ol><li>p<li>q</ol></ul><pre><code>if a:
    b</code></pre><blockquote><p>said<p>more</blockquote><hr>
<table><tr><th>K<th>V<tr><td>1|2<td>3</table>
<p><a href="/a (b)">to</a> <img src=i alt=I> <code>c</code>"""


async def test_markdown_keeps_what_a_page_says_by_its_marks() -> None:
    (found,) = await values(op="toMarkdown", data=MARKED)
    assert found.split("\n\n") == [
        "## A *b*",
        "x **y** z\\\nw \\* v",
        "- one\n- two\n  1. p\n  2. q",
        "```\nif a:\n    b\n```",
        "> said\n>\n> more",
        "---",
        "| K | V |\n| --- | --- |\n| 1\\|2 | 3 |",
        "[to](/a%20%28b%29) ![I](i) `c`",
    ]


async def test_what_a_page_only_shows_never_becomes_markup_or_runs() -> None:
    data = """<p># no *head* &lt;script&gt;</p><p>- no point</p>
    <a href=" JavaScript:alert(1)">here</a> <a href>there</a> <a href="/data:x">that</a>"""
    (found,) = await values(op="toMarkdown", data=data)
    assert found.split("\n\n") == [
        "\\# no \\*head\\* \\<script>",
        "\\- no point",
        "here there [that](/data:x)",
    ]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"data": "x"}, "css: extract needs a selector"),
        ({"data": "x", "css": "p[["}, "css: 'p[[' is no selector"),
        (
            {"data": "<p>x", "css": "p", "fields": {"a": {"css": "::"}}},
            "fields.a.css: '::' is no selector",
        ),
        ({"op": "toMarkdown", "data": "<b><i>" * 200}, "data: more than 200 elements deep"),
    ],
)
async def test_what_cannot_be_done_is_told(call: Json, said: str) -> None:
    assert await refused("transform.html", **call) == said


@given(data=st.text("<>/=\"' abdiv!-p&;#0\0é"), op=st.sampled_from(["toText", "toMarkdown"]))
async def test_any_text_is_a_page(data: Json, op: str) -> None:
    assert len(await values(op=op, data=data)) == 1


async def test_a_deep_page_is_read_by_hand_and_not_by_the_stack() -> None:
    assert await values(op="toText", data="<div>" * 3_000 + "x") == ["x"]
