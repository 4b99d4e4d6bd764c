"""XML as plain values, read in one pass with bounds; see `transform_xml` for the shape."""

from typing import Any, Final, cast
from xml.sax import SAXException, SAXParseException, handler

from defusedxml import (
    DefusedXmlException,
    DTDForbidden,
    EntitiesForbidden,
    ExternalReferenceForbidden,
)
from defusedxml.expatreader import DefusedExpatParser

from mainspring.domain.message import Json
from mainspring_plugins.support.failures import refuse, too_large
from mainspring_plugins.support.shapes import is_list

MOST_DEPTH: Final = 100
MOST_NODES: Final = 200_000
TEXT: Final = "#text"


def read_xml(text: str, prefix: str, lists: frozenset[str], *, trim: bool) -> Json:
    """Return the document as an object; raise `PluginFailed` with line and column."""
    builder = _Builder(prefix, lists, trim=trim)
    parser = cast("Any", DefusedExpatParser(forbid_dtd=True))
    parser.setContentHandler(builder)
    try:
        parser.feed(text)
        parser.close()
    except SAXParseException as error:
        place = f"line {error.getLineNumber()}, column {(error.getColumnNumber() or 0) + 1}"
        raise refuse(f"data: {place}: {error.getMessage()}") from None
    except (DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden):
        raise refuse("data: document types and entities are not allowed") from None
    except (SAXException, DefusedXmlException, UnicodeEncodeError, LookupError) as error:
        raise refuse(f"data: {error}") from None
    return builder.root


class _Builder(handler.ContentHandler):
    """Keeps one open element a level: its children by name, and its texts."""

    def __init__(self, prefix: str, lists: frozenset[str], *, trim: bool) -> None:
        super().__init__()
        self._prefix = prefix
        self._lists = lists
        self._trim = trim
        self._nodes = 0
        self.root: dict[str, Json] = {}
        self._open: list[tuple[dict[str, Json], list[str]]] = [(self.root, [])]
        self._repeated: list[set[str]] = [set()]

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802, ANN401 - SAX names it
        self._nodes += 1 + len(attrs)
        if self._nodes > MOST_NODES:
            raise too_large(f"data: more than {MOST_NODES} elements and attributes")
        if len(self._open) > MOST_DEPTH:
            raise refuse(f"data: {name}: more than {MOST_DEPTH} levels deep")
        self._open.append(({f"{self._prefix}{key}": value for key, value in attrs.items()}, []))
        self._repeated.append(set())

    def characters(self, content: str) -> None:
        self._open[-1][1].append(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        fields, texts = self._open.pop()
        self._repeated.pop()
        text = "".join(texts)
        if self._trim or (fields and not text.strip()):
            text = text.strip()
        if fields and text:
            fields[TEXT] = text
        self._add(name, fields or text)

    def _add(self, name: str, value: Json) -> None:
        parent, repeated = self._open[-1][0], self._repeated[-1]
        if name not in parent:
            parent[name] = [value] if name in self._lists and len(self._open) > 1 else value
            if is_list(parent[name]):
                repeated.add(name)
        elif name in repeated:
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]
            repeated.add(name)
