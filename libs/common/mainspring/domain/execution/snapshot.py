"""A folded execution as bytes: a cache of its history, droppable at any time.

The format is named by a digest of the state's own schema, so a snapshot of other code is not read
wrongly but not at all; the log is folded instead.
"""

import hashlib
from typing import Final, Literal

import msgspec
from immutables import Map

from mainspring.domain.definition import Definition
from mainspring.domain.execution.events import ExecutionRequested, StepResetRequested
from mainspring.domain.execution.expansion import expanded
from mainspring.domain.execution.front import Front
from mainspring.domain.execution.state import (
    Completed,
    Epilogue,
    Execution,
    Fan,
    Resolution,
    Status,
    StepState,
    Token,
    Unwinding,
    stacked,
)
from mainspring.domain.execution.stepping import advanced

FIRST = 256
"""The version at which an execution is worth a snapshot; then again whenever it has doubled."""


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of `Execution` in plain containers."""

    id: str
    project: str
    created_by: str
    traceparent: str
    updated_at: float
    version: int
    handled: int
    hash: bytes
    status: Status
    requested: ExecutionRequested | None
    steps: dict[str, StepState]
    open: tuple[str, ...]
    fans: dict[str, Fan]
    loops: frozenset[str]
    tokens: dict[str, Token]
    stack: tuple[str, ...]
    completed: tuple[str, ...]
    begun: int
    slot: Literal["", "awaited", "granted"]
    rejected: str | None
    cancel: str | None
    paused: bool
    resumed: bool
    retry: bool
    resets: tuple[StepResetRequested, ...]
    forced: dict[str, Resolution]
    wakes: tuple[str | None, ...]
    woken: bool
    unwinding: Unwinding | None
    epilogue: Epilogue | None
    corrupted: tuple[str, ...]
    reason: str | None
    warning: str | None
    result: str | None
    started_at: float | None
    finished_at: float | None
    reopened_at: float | None
    ended_after: int


_PLAIN: Final = frozenset(_Frozen.__struct_fields__) - {
    "steps",
    "open",
    "fans",
    "tokens",
    "stack",
    "completed",
    "forced",
}
_FORMAT: Final = hashlib.sha256(msgspec.json.encode(msgspec.json.schema(_Frozen))).digest()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Frozen)


def is_due(before: int, after: int) -> bool:
    """Say whether a snapshot is worth its price: the history has doubled since the last one."""
    return after >= FIRST and before.bit_length() < after.bit_length()


def freeze(x: Execution) -> bytes:
    """Return the state as bytes; the definition is left out, it is known by its hash."""
    plain = {name: getattr(x, name) for name in _PLAIN}
    frozen = _Frozen(
        **plain,
        steps=dict(x.steps),
        open=tuple(x.open),
        fans=dict(x.fans),
        tokens=dict(x.tokens),
        forced=dict(x.forced),
        stack=tuple(stacked(x.stack)),
        completed=tuple(x.completed[n] for n in range(len(x.completed))),
    )
    return _FORMAT + _encoder.encode(frozen)


def definition_of(data: bytes) -> str | None:
    """Return the hash of the definition that a snapshot needs; None when it cannot be read."""
    frozen = _read(data)
    return frozen.requested.definition if frozen and frozen.requested else None


def thaw(data: bytes, definition: Definition) -> Execution | None:
    """Return the state, or None when other code wrote it or it cannot be read."""
    frozen = _read(data)
    if frozen is None:
        return None
    stack: Completed | None = None
    for ref in reversed(frozen.stack):
        stack = Completed(ref, stack)
    front = Front()
    for step in frozen.steps.values():
        front = advanced(front, definition, step)
    return Execution(
        **{name: getattr(frozen, name) for name in _PLAIN},
        definition=_grown(definition, frozen.fans),
        front=front,
        steps=Map(frozen.steps),
        open=Map[str, None](dict.fromkeys(frozen.open)),
        fans=Map(frozen.fans),
        tokens=Map(frozen.tokens),
        forced=Map(frozen.forced),
        stack=stack,
        completed=Map(enumerate(frozen.completed)),
    )


def _grown(definition: Definition, fans: dict[str, Fan]) -> Definition:
    """Return a definition with the steps of all items, in the order in which it came by them."""
    steps = [(version, loop, n) for loop, fan in fans.items() for version, n in fan.grown]
    for _, loop, count in sorted(steps):
        definition = expanded(definition, loop, count)
    return definition


def _read(data: bytes) -> _Frozen | None:
    if data[: len(_FORMAT)] != _FORMAT:
        return None
    try:
        return _decoder.decode(data[len(_FORMAT) :])
    except msgspec.MsgspecError:
        return None
