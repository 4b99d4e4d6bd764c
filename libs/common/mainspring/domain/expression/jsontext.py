"""JSON text with placeholders: which of them stand inside quotation marks.

Only the template's own text is scanned.  Values cannot change the answer: inside quotation
marks they are escaped, and outside they are whole JSON values.  A section may repeat, so it
must leave the text as it found it; raw placeholders are on their author's honour.
"""

import re
from dataclasses import replace
from typing import Final

from mainspring.domain.expression.errors import TemplateInvalid
from mainspring.domain.expression.tags import Node, Nodes, Section, Variable, parse, place

_MARK: Final = re.compile(r'\\.?|"', re.DOTALL)


def is_json_text(source: str) -> bool:
    """Return whether `source` begins as a JSON object or list does, and with no tag."""
    start = source.lstrip()[:2]
    return start[:1] in ("{", "[") and start != "{{"


def parse_json_text(source: str) -> Nodes:
    """Return the tree of `source`, its unquoted variables marked to print JSON."""
    nodes, _ = _Scanner(source).scan(parse(source), is_quoted=False)
    return nodes


class _Scanner:
    def __init__(self, source: str) -> None:
        self._source = source

    def scan(self, nodes: Nodes, *, is_quoted: bool) -> tuple[Nodes, bool]:
        """Return the marked nodes, and whether their text ends inside quotation marks."""
        marked: list[Node] = []
        for node in nodes:
            match node:
                case str():
                    is_quoted = self._after(node, is_quoted=is_quoted)
                    marked.append(node)
                case Variable():
                    is_json = not is_quoted and not node.is_raw
                    marked.append(replace(node, is_json=is_json))
                case Section():
                    marked.append(self._section(node, is_quoted=is_quoted))
        return tuple(marked), is_quoted

    def _section(self, section: Section, *, is_quoted: bool) -> Section:
        body, ends_quoted = self.scan(section.body, is_quoted=is_quoted)
        if ends_quoted != is_quoted:
            reason = "a section opens or closes a quotation mark that it does not own"
            raise TemplateInvalid(reason, *place(self._source, section.at))
        return replace(section, body=body)

    def _after(self, text: str, *, is_quoted: bool) -> bool:
        for mark in _MARK.findall(text):
            if mark == '"':
                is_quoted = not is_quoted
            elif mark == "\\" and is_quoted:
                # The tag's first character would be swallowed, and with it the escaping.
                raise TemplateInvalid("a tag follows a backslash inside a JSON text")
        return is_quoted
