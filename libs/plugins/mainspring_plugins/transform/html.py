"""Picks values out of HTML by CSS selectors, or turns it into text or Markdown.

Any page is read, broken ones too, as a browser would; scripts and styles are never text.
"""

from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.formats.html_text import markdown, plain_text
from mainspring_plugins.support.failures import refuse, too_large
from mainspring_plugins.support.schema import choice, closed, gives, named, several, text, whole
from mainspring_plugins.support.working import apart

PICK: Final = closed(
    {
        "css": text("A selector within the element; without it, the element itself."),
        "attr": text("An attribute to take; without it, the text."),
    }
)
MANIFEST = Manifest(
    id="transform.html",
    name="HTML",
    category="Transforms",
    description="Extracts values from HTML by CSS selectors, or writes it as text or Markdown.",
    input=closed(
        {
            "op": choice("What to do.", "extract", "toText", "toMarkdown", default="extract"),
            "data": text("The HTML."),
            "css": text(
                "The elements to take; extract needs it, the others take the whole page without.",
                minLength=1,
            ),
            "attr": text("extract: an attribute to take in place of the text.", minLength=1),
            "fields": named("extract: an object for each element, its values by name.", PICK),
            "limit": whole("The most values to give; 0 is all.", minimum=0, default=0),
        },
        "data",
    ),
    output=gives({"values": several("A value for each element, in the order of the page.")}),
    examples=(
        {
            "input": {"data": '<a href="/x">X</a><a>Y</a>', "css": "a", "attr": "href"},
            "output": {"values": ["/x", None]},
        },
        {
            "input": {"op": "toMarkdown", "data": "<h1>Hi</h1><p>a <b>b</b></p>"},
            "output": {"values": ["# Hi\n\na **b**"]},
        },
    ),
)
MOST_VALUES: Final = 100_000


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return a value for each element."""
    op = given.get("op", "extract")
    if op == "extract" and "css" not in given:
        raise refuse("css: extract needs a selector")
    found = _elements(_parsed(given["data"]), given.get("css", ""))
    limit = int(given.get("limit", 0))
    if len(found) > MOST_VALUES and not limit:
        raise too_large(f"the selector gives more than {MOST_VALUES} elements")
    return {"values": [_value(each, op, given) for each in (found[:limit] if limit else found)]}


def _parsed(data: str) -> LexborNode:
    try:
        root = LexborHTMLParser(data).root
    except (SelectolaxError, ValueError) as error:
        raise refuse(f"data: {error}") from None
    if root is None:
        raise refuse("data: there is no page")
    return root


def _elements(node: LexborNode, css: str, place: str = "css") -> list[LexborNode]:
    if not css:
        return [node]
    try:
        return node.css(css)
    except (SelectolaxError, ValueError):
        raise refuse(f"{place}: {css[:100]!r} is no selector") from None


def _value(element: LexborNode, op: str, given: dict[str, Json]) -> Json:
    if op == "toText":
        return plain_text(element)
    if op == "toMarkdown":
        return markdown(element)
    if "fields" not in given:
        return _picked(element, given.get("attr"))
    return {name: _field(element, pick, name) for name, pick in given["fields"].items()}


def _field(element: LexborNode, pick: dict[str, Any], name: str) -> Json:
    found = _elements(element, pick.get("css", ""), f"fields.{name}.css")
    return _picked(found[0], pick.get("attr")) if found else None


def _picked(element: LexborNode, attribute: str | None) -> Json:
    return plain_text(element) if attribute is None else element.attributes.get(attribute)


run = apart(work)
