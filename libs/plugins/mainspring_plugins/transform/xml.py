"""Reads XML into plain values and writes it back.

An attribute is a name behind a prefix (`@id`), the text beside attributes or elements is `#text`,
an element that comes twice is a list, and one with nothing but text is that text.  Names keep their
namespace prefixes as written.  Document types and entities are refused, not skipped; depth and
number of nodes are bounded.  The order among elements of different names is not kept.
"""

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.formats.xml_read import read_xml
from mainspring_plugins.formats.xml_write import write_xml
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.schema import anything, choice, closed, flag, gives, several, text
from mainspring_plugins.support.shapes import kind
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="transform.xml",
    name="XML",
    category="Transforms",
    description="Reads XML text into an object, or writes an object as XML text.",
    input=closed(
        {
            "op": choice("What to do.", "parse", "stringify"),
            "data": anything("parse: the text. stringify: an object with one name, the root's."),
            # Characters that begin no name in XML, so that no attribute looks like an element.
            "attrPrefix": text(
                "What stands before the names of attributes.",
                pattern=r"^[-@$!%*+~?^&.]{1,3}$",
                default="@",
            ),
            "lists": several(
                "Elements that are lists even when they come once.", {"type": "string"}
            ),
            "trim": flag("Drop the spaces around texts.", default=True),
            "declaration": flag("stringify: begin with an XML declaration.", default=False),
        },
        "op",
        "data",
    ),
    output=gives(
        {"data": anything("parse: the object."), "text": text("stringify: the text.")},
        sometimes=(
            "data",
            "text",
        ),
    ),
    examples=(
        {
            "input": {"op": "parse", "data": '<a id="1"><b>x</b><b/></a>'},
            "output": {"data": {"a": {"@id": "1", "b": ["x", ""]}}},
        },
        {
            "input": {"op": "stringify", "data": {"a": {"@id": 1, "#text": "x < y"}}},
            "output": {"text": '<a id="1">x &lt; y</a>'},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the object, or the text."""
    data, prefix = given["data"], given.get("attrPrefix", "@")
    if given["op"] == "stringify":
        return {"text": write_xml(data, prefix, declaration=given.get("declaration", False))}
    if not isinstance(data, str):
        raise refuse(f"data: parse takes a text, not {kind(data)}")
    lists = frozenset(given.get("lists", ()))
    return {"data": read_xml(data, prefix, lists, trim=given.get("trim", True))}


run = in_place(work)
