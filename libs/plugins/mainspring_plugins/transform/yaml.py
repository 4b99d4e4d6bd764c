"""Reads and writes YAML as plain values: the core schema of YAML 1.2, and no tags.

`yes`, `no`, `on`, `off` and dates are texts here; what is written is quoted where any reader could
take it for something else.
"""

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.formats.yaml_read import read_yaml
from mainspring_plugins.formats.yaml_write import write_yaml
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.schema import anything, choice, closed, flag, gives, text, whole
from mainspring_plugins.support.shapes import is_list, kind
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="transform.yaml",
    name="YAML",
    category="Transforms",
    description="Reads YAML text into a value, or writes a value as YAML text.",
    input=closed(
        {
            "op": choice("What to do.", "parse", "stringify"),
            "data": anything("parse: the text. stringify: the value."),
            "multiple": flag(
                "The text holds several documents; data is the list of them.", default=False
            ),
            "indent": whole("stringify: spaces a level.", minimum=2, maximum=8, default=2),
            "sortKeys": flag("stringify: put the names in order.", default=False),
        },
        "op",
        "data",
    ),
    output=gives(
        {"data": anything("parse: the value."), "text": text("stringify: the text.")},
        sometimes=(
            "data",
            "text",
        ),
    ),
    examples=(
        {
            "input": {"op": "parse", "data": "a: [1, yes]\nb: {c: null}\n"},
            "output": {"data": {"a": [1, "yes"], "b": {"c": None}}},
        },
        {
            "input": {"op": "stringify", "data": {"a": ["1", 2], "b": "no"}},
            "output": {"text": "a:\n- '1'\n- 2\nb: 'no'\n"},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the value, or the text."""
    data, is_multiple = given["data"], given.get("multiple", False)
    if given["op"] == "parse":
        if not isinstance(data, str):
            raise refuse(f"data: parse takes a text, not {kind(data)}")
        return {"data": _documents(data, is_multiple=is_multiple)}
    if is_multiple and not is_list(data):
        raise refuse(f"data: several documents are a list, not {kind(data)}")
    documents = data if is_multiple else [data]
    indent, is_sorted = int(given.get("indent", 2)), given.get("sortKeys", False)
    return {"text": write_yaml(documents, indent, is_sorted=is_sorted)}


def _documents(text: str, *, is_multiple: bool) -> Json:
    found = read_yaml(text)
    if is_multiple:
        return found
    if len(found) > 1:
        raise refuse("data: the text holds several documents; say multiple: true")
    return found[0] if found else None


run = in_place(work)
