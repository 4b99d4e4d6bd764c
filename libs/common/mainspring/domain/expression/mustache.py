"""Templates of one text: parsed once, rendered for a destination.

A text is never valid or invalid by its data: names that are missing print nothing.  What
can fail is the template, when it is compiled, and the bounds, when it is rendered.
"""

from functools import lru_cache
from typing import Final

from mainspring.domain.expression.errors import ExpressionTooLarge
from mainspring.domain.expression.escape import ESCAPES, Escape, url_escaper, without_controls
from mainspring.domain.expression.render import MAX_PARTS, Sink, encodable, shown, write
from mainspring.domain.expression.shape import Room
from mainspring.domain.expression.tags import Nodes, Section, Variable, parse, references
from mainspring.domain.expression.values import (
    MAX_OUTPUT,
    MISSING,
    Missing,
    Path,
    Value,
    follow,
)

_CACHED_LENGTH: Final = 4096  # longer sources are compiled each time, so the cache stays small


class CompiledText:
    """A template of one text.  Immutable, and safe to share."""

    __slots__ = ("_flat", "_nodes", "_references")

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        # Without sections every name starts at the root, and the short way is enough.
        self._flat = tuple(node for node in nodes if not isinstance(node, Section))
        self._references = references(nodes)

    @property
    def references(self) -> frozenset[Path]:
        return self._references

    @property
    def is_static(self) -> bool:
        return not self._nodes or (len(self._nodes) == 1 and isinstance(self._nodes[0], str))

    def render(
        self, context: Value, escape: Escape = Escape.TEXT, *, max_output: int = MAX_OUTPUT
    ) -> str:
        """Return the text; raise `ExpressionTooLarge` when a bound is reached."""
        text = self._rendered(context, escape, Room(max_output, MAX_PARTS))
        return without_controls(text) if escape is Escape.HEADER else text

    def fill(self, context: Value, escape: Escape, room: Room) -> str:
        """Return the text as one of many that share `room`; raise `ExpressionTooLarge`."""
        text = self._rendered(context, escape, room)
        room.take(len(text))
        return text

    def _rendered(self, context: Value, escape: Escape, room: Room) -> str:
        if len(self._flat) == len(self._nodes):
            return self._render_flat(context, escape, room.left)
        sink = Sink(room.left, room.steps)
        write(self._nodes, [context], ESCAPES[escape], sink)
        room.steps = sink.rounds
        return sink.text()

    def _render_flat(self, context: Value, escape: Escape, max_output: int) -> str:
        escaper = ESCAPES[escape]
        parts: list[str] = []
        room = max_output
        for node in self._flat:
            text = node
            if not isinstance(text, str):
                if escape is Escape.URL:
                    escaper = url_escaper("".join(parts))
                text = shown(text, follow(context, text.path), escaper)
            room -= len(text)
            if room < 0:
                raise ExpressionTooLarge("the output is too large")
            parts.append(text)
        return encodable("".join(parts))

    @property
    def is_placeholder(self) -> bool:
        """Whether the template is one variable and nothing else."""
        return len(self._nodes) == 1 and isinstance(self._nodes[0], Variable)

    def resolve(self, context: Value) -> Value | Missing:
        """Return the value itself that a template of one placeholder names."""
        node = self._nodes[0] if self.is_placeholder else None
        return follow(context, node.path) if isinstance(node, Variable) else MISSING


def compile_text(template: str) -> CompiledText:
    """Return the compiled template; raise `TemplateInvalid` with the place of its first fault."""
    if len(template) > _CACHED_LENGTH:
        return CompiledText(parse(template))
    return _compile_cached(template)


@lru_cache(maxsize=4096)
def _compile_cached(template: str) -> CompiledText:
    return CompiledText(parse(template))


def render_text(template: str, context: Value, escape: Escape = Escape.TEXT) -> str:
    """Return `template` rendered for the destination `escape`."""
    return compile_text(template).render(context, escape)
