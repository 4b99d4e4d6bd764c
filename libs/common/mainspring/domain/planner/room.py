"""What may be begun beside what is open: places under `max_parallel`, and concurrency keys.

A loop whose items are under way takes no place and holds no key: its steps do, and would else wait
for their own loop for ever.
"""

from functools import cached_property

from mainspring.domain.definition import Step
from mainspring.domain.execution.context import Viewpoint, admits
from mainspring.domain.execution.state import Execution, StepState
from mainspring.domain.expression import ExpressionError
from mainspring.domain.planner.plan import Broken, Enter, Skip

FALSE = "its condition is false"


class Room:
    """The room of one turn of the planner; what it lets in takes of it."""

    def __init__(self, x: Execution) -> None:
        self._x = x
        limit = x.definition.max_parallel
        self._left = None if limit is None else limit - len(self._working())

    def _working(self) -> list[StepState]:
        states = (self._x.steps[key] for key in self._x.open)
        return [s for s in states if s.phase == "up" and s.status != "splitting"]

    @cached_property
    def _held(self) -> set[str]:
        keys = (self._x.step(state.ref).concurrency_key for state in self._working())
        return {key for key in keys if key is not None}

    @property
    def is_full(self) -> bool:
        """True when nothing more may be begun."""
        return self._left is not None and self._left <= 0

    def enter(self, step: Step) -> Enter | Skip | Broken | None:
        """Return what becomes of a step that has all it needs; None when its key is held.

        No condition is judged before there is room for its step: rules may be dear.
        """
        key = step.concurrency_key
        if key is not None and key in self._held:
            return None
        move = self._judged(step)
        if isinstance(move, Enter):
            if self._left is not None:
                self._left -= 1
            if key is not None:
                self._held.add(key)
        return move

    def _judged(self, step: Step) -> Enter | Skip | Broken:
        if step.when is None:
            return Enter(step.ref)
        try:
            holds = admits(self._x, step.when, Viewpoint(step=step.ref))
        except ExpressionError as error:
            return Broken(step.ref, f"step {step.ref}: its condition cannot be evaluated: {error}")
        return Enter(step.ref) if holds else Skip(step.ref, FALSE)
