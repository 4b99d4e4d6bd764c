"""A value that grows from one rendering to the next, as a reduction gathers a list.

Each rendering has its bound of steps, and pays for what it makes; but measuring all that was
gathered so far after every one of them, the rival, costs the square of their number.  So the value
is measured when many more steps have been taken than the last measuring took, and at the end.
"""

from typing import Final

from mainspring.domain.expression.face import CompiledTemplate
from mainspring.domain.expression.jinja import MAX_STEPS, measure
from mainspring.domain.expression.values import Value

RATIO: Final = 64
"""How many steps of renderings go with one step of measuring."""
LEAST: Final = 5 * MAX_STEPS
"""Steps before the next measuring, whatever the last one took: they make 64 MB of text at most."""


class Gathering:
    """Applies one template again and again; `taken` and `measured` count the steps of each kind."""

    __slots__ = ("_due", "_template", "measured", "taken")

    def __init__(self, template: CompiledTemplate) -> None:
        self._template = template
        self._due = LEAST
        self.taken = 0
        self.measured = 0

    def step(self, context: dict[str, Value]) -> Value:
        """Return the next value; raise `ExpressionError` where there is none, or it is huge."""
        value, steps = self._template.carry(context)
        self.taken += steps
        if self.taken >= self._due:
            cost = self._measure(value)
            self._due = self.taken + max(LEAST, RATIO * cost)
        return value

    def end(self, value: Value) -> Value:
        """Return the last value, which may go out; raise `ExpressionError` if it is too large."""
        self._measure(value)
        return value

    def _measure(self, value: Value) -> int:
        cost = measure(value)
        self.measured += cost
        return cost
