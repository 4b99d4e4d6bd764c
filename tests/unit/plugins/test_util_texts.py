"""`util.string`, `util.url` and `util.template`."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, failure
from mainspring.testing.plugins import TestContext
from mainspring_plugins.util.string import slug, styled
from mainspring_plugins.util.url import built, parsed

MANY = r"\1" * 900


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"op": "upper", "text": "straße"}, "STRASSE"),
        ({"op": "lower", "text": "ABC"}, "abc"),
        ({"op": "trim", "text": "  a "}, "a"),
        ({"op": "trim", "text": "xxaxx", "characters": "x", "side": "left"}, "axx"),
        ({"op": "split", "text": "a, b", "separator": ", "}, ["a", "b"]),
        ({"op": "split", "text": "a,b,c", "limit": 2}, ["a", "b,c"]),
        ({"op": "split", "text": "ab", "separator": ""}, ["a", "b"]),
        ({"op": "join", "items": ["a", 1, None, True], "separator": "-"}, "a-1-null-true"),
        ({"op": "replace", "text": "a.b.c", "find": ".", "with": "-"}, "a-b-c"),
        (
            {"op": "replace", "text": "x1y22", "find": "([0-9]+)", "with": r"<\1>", "regex": True},
            "x<1>y<22>",
        ),
        ({"op": "slug", "text": "  Ünder_Score & more! ", "separator": "_"}, "under_score_more"),
        ({"op": "truncate", "text": "abcdef", "length": 4}, "abc…"),
        ({"op": "truncate", "text": "abcd", "length": 4}, "abcd"),
        ({"op": "truncate", "text": "abcdef", "length": 2, "suffix": "..."}, ".."),
        ({"op": "pad", "text": "7", "length": 3, "fill": "0"}, "007"),
        ({"op": "pad", "text": "7", "length": 3, "side": "right"}, "7  "),
        ({"op": "case", "text": "orderLineID", "style": "snake"}, "order_line_id"),
        ({"op": "case", "text": "order-line id", "style": "pascal"}, "OrderLineId"),
        ({"op": "case", "text": "order line", "style": "constant"}, "ORDER_LINE"),
        ({"op": "case", "text": "order line", "style": "kebab"}, "order-line"),
        ({"op": "case", "text": "order line", "style": "title"}, "Order Line"),
        ({"op": "case", "text": "order line", "style": "sentence"}, "Order line"),
    ],
)
async def test_text_is_changed(context: TestContext, given: dict[str, Json], result: Json) -> None:
    assert await done("util.string", context, **given) == {"result": result}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"op": "upper"}, "text: is needed for the operation upper"),
        ({"op": "join"}, "items: is needed"),
        ({"op": "truncate", "text": "a"}, "length: is needed"),
        ({"op": "case", "text": "a"}, "style: is needed"),
        ({"op": "replace", "text": "a"}, "find: is needed"),
        ({"op": "replace", "text": "a", "find": "(", "regex": True}, "find: "),
        (
            {"op": "replace", "text": "a", "find": "a", "with": r"\3", "regex": True},
            "with: character 1: the pattern has no group 3",
        ),
        (
            {"op": "replace", "text": "\ud800", "find": "a", "regex": True},
            "text: holds half a character",
        ),
        (
            {"op": "replace", "text": "a" * 3000, "find": "a", "with": "b" * 3000},
            "the result could have more than",
        ),
        (
            {"op": "replace", "text": "a" * 3000, "find": "b*", "with": "c" * 3000, "regex": True},
            "the result could have more than",
        ),
        (
            {"op": "replace", "text": "a" * 9000, "find": "(.*)", "regex": True, "with": MANY},
            "the result could have more than",
        ),
    ],
)
async def test_bad_change_is_told_with_its_place(
    context: TestContext, given: dict[str, Json], told: str
) -> None:
    failed = await failure("util.string", context, **given)
    assert failed.final
    assert str(failed).startswith(told)


@forall(st.text())
def test_slug_is_made_of_small_letters_digits_and_dashes(text: str) -> None:
    assert set(slug(text, "-")) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug(slug(text, "-"), "-") == slug(text, "-")


@forall(st.text("abc dE1", max_size=20))
def test_snake_of_camel_is_the_same_words(text: str) -> None:
    assert styled(styled(text, "kebab"), "snake") == styled(text, "snake")


async def test_url_is_taken_apart(context: TestContext) -> None:
    url = "https://ann:p%40ss@[::1]:8443/a%20b?x=1&x=2&y=#top"
    output = await done("util.url", context, op="parse", url=url)
    assert output["parts"] == {
        "scheme": "https",
        "username": "ann",
        "password": "p@ss",
        "host": "::1",
        "port": 8443,
        "path": "/a%20b",
        "query": {"x": ["1", "2"], "y": ""},
        "fragment": "top",
    }
    assert (await done("util.url", context, op="build", parts=output["parts"]))["url"] == url


@pytest.mark.parametrize(
    "url",
    ["https://a.test/", "https://a.test/b?c=d", "mailto:a@b", "/only/path", "//a.test:80/x#y"],
)
def test_what_is_taken_apart_is_put_together_again(url: str) -> None:
    assert built(parsed(url)) == url


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"op": "parse", "url": "http://[::1"}, "url: is no URL"),
        ({"op": "parse", "url": "http://a:99999/"}, "url: is no URL"),
        ({"op": "build", "parts": {"host": "a/b"}}, "parts.host: is no host"),
        ({"op": "build"}, "parts: is needed"),
        ({"op": "encode"}, "text: is needed"),
        ({"op": "encode", "text": "\ud800"}, "text: holds half a character"),
        ({"op": "decode", "text": "%ff"}, "text: stands for bytes that are no text"),
        ({"op": "query", "url": "http://a"}, "params: is needed"),
    ],
)
async def test_bad_url_is_told_with_its_place(
    context: TestContext, given: dict[str, Json], told: str
) -> None:
    failed = await failure("util.url", context, **given)
    assert failed.final
    assert str(failed).startswith(told)


@forall(st.text(st.characters(exclude_categories=("Cs",))))
async def test_escaped_text_comes_back(text: str) -> None:
    context = TestContext()
    escaped = (await done("util.url", context, op="encode", text=text))["result"]
    assert escaped.isascii()
    assert (await done("util.url", context, op="decode", text=escaped))["result"] == text


@pytest.mark.parametrize(
    ("template", "engine", "result"),
    [
        ("{{ n }}", "jinja", 3),
        ("{{ n + 1 }} of {{ xs | length }}", "jinja", "4 of 2"),
        ({"a": ["{{ xs }}"]}, "jinja", {"a": [[1, 2]]}),
        ("{{n}} left", "mustache", "3 left"),
        ("{{ n + 1 }}", "cel", 4),
        (7, "jinja", 7),
    ],
)
async def test_template_is_rendered_over_its_data(
    context: TestContext, template: Json, engine: str, result: Json
) -> None:
    data = {"n": 3, "xs": [1, 2]}
    output = await done("util.template", context, template=template, data=data, engine=engine)
    assert output == {"result": result}


@pytest.mark.parametrize(
    ("template", "engine"),
    [
        ("{{ missing }}", "jinja"),
        ("{{ n", "jinja"),
        ("{{ n.__class__ }}", "jinja"),
        ("{{ run.id }}", "jinja"),
        ("{{ missing }}", "cel"),
        ("{{#n}}", "mustache"),
    ],
)
async def test_bad_template_is_told(context: TestContext, template: str, engine: str) -> None:
    failed = await failure(
        "util.template", context, template=template, data={"n": 1}, engine=engine
    )
    assert failed.final
    assert str(failed).startswith("template: ")


async def test_rendered_text_is_bounded(context: TestContext) -> None:
    context.max_output = 100
    failed = await failure(
        "util.template", context, template="x{{ a }}{{ a }}", data={"a": "b" * 80}
    )
    assert (failed.final, failed.fault) == (True, "too_large")
