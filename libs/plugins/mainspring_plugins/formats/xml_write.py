"""Plain values as XML, in the shape that `xml_read` gives; what XML cannot hold is refused."""

import re
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from mainspring.domain.message import Json
from mainspring_plugins.formats.xml_read import MOST_DEPTH, TEXT
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.shapes import is_list, is_object, kind
from mainspring_plugins.support.texts import written

_START: Final = (
    r"A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D"
    r"\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD"
)
_PART: Final = rf"[{_START}][{_START}\-.0-9\u00B7\u0300-\u036F\u203F-\u2040]*"
NAME: Final = re.compile(rf"{_PART}(?::{_PART})?")
STRANGE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_xml(data: Json, prefix: str, *, declaration: bool) -> str:
    """Return the text of a document; raise `PluginFailed` with the place in `data`."""
    if not is_object(data) or len(data) != 1:
        raise refuse("data: a document is an object with one name, that of its root")
    ((name, value),) = data.items()
    if is_list(value):
        raise refuse(f"data.{name}: a document has one root, not a list of them")
    text = "".join(_element(name, value, prefix, f"data.{name}", 1))
    return f"{DECLARATION}{text}" if declaration else text


def _element(name: str, value: Json, prefix: str, place: str, depth: int) -> Iterator[str]:
    if not NAME.fullmatch(name):
        raise refuse(f"{place}: {name[:60]!r} is no name of an element")
    if depth > MOST_DEPTH:
        raise refuse(f"data: more than {MOST_DEPTH} levels deep")
    fields = value if is_object(value) else {TEXT: value}
    attributes = "".join(_attributes(fields, prefix, place))
    inner = "".join(_inner(fields, prefix, place, depth))
    yield f"<{name}{attributes}>{inner}</{name}>" if inner else f"<{name}{attributes}/>"


def _attributes(fields: dict[str, Json], prefix: str, place: str) -> Iterator[str]:
    for key, value in fields.items():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            if not NAME.fullmatch(name):
                raise refuse(f"{place}.{key}: {name[:60]!r} is no name of an attribute")
            quoted = quoteattr(_text(value, f"{place}.{key}"), {"\n": "&#10;", "\r": "&#13;"})
            yield f" {name}={quoted}"


def _inner(fields: dict[str, Json], prefix: str, place: str, depth: int) -> Iterator[str]:
    for key, value in fields.items():
        if key == TEXT:
            yield escape(_text(value, place), {"\r": "&#13;"})
        elif is_list(value) and not key.startswith(prefix):
            for at, each in enumerate(value):
                yield from _element(key, each, prefix, f"{place}.{key}[{at}]", depth + 1)
        elif not key.startswith(prefix):
            yield from _element(key, value, prefix, f"{place}.{key}", depth + 1)


def _text(value: Json, place: str) -> str:
    if is_object(value) or is_list(value):
        raise refuse(f"{place}: {kind(value)} cannot stand where a text stands")
    text = "" if value is None else written(value)
    strange = STRANGE.search(text)
    if strange:
        raise refuse(f"{place}: XML cannot hold the character U+{ord(strange[0]):04X}")
    return text
