"""What a planner answers: moves to make now, or how the forward run has ended."""

from typing import TypeAlias

import msgspec


class Enter(msgspec.Struct, frozen=True):
    """A step may begin; `token` is who walks onto it (empty for the dag planner)."""

    ref: str
    token: str = ""


class Join(msgspec.Struct, frozen=True):
    """All branches of a split are terminal: the join is done, with this record of them."""

    ref: str
    token: str
    branches: tuple[dict[str, object], ...]


class Skip(msgspec.Struct, frozen=True):
    """A step will not run."""

    ref: str
    reason: str


class Stop(msgspec.Struct, frozen=True):
    """A step that only waits will not go on."""

    ref: str
    reason: str


class Gather(msgspec.Struct, frozen=True):
    """All items of a loop that will be done are through."""

    ref: str


class Broken(msgspec.Struct, frozen=True):
    """A step cannot be entered: its condition has no value."""

    ref: str
    reason: str


class Done(msgspec.Struct, frozen=True):
    """Nothing is left to do; `result` is the step whose output is the run's."""

    result: str | None


class Failed(msgspec.Struct, frozen=True):
    """The run cannot succeed any more."""

    reason: str


Move: TypeAlias = Enter | Join | Skip | Stop | Gather | Broken
Verdict: TypeAlias = Done | Failed
