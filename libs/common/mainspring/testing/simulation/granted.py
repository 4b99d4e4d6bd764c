"""What was granted stands in the log, and stood there before anybody was told.

A request that was answered well has its event: the start of a run, a cancel, a pause, a decision, a
callback.  One that was recorded only after its answer could have been lost with who gave it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from mainspring.domain.envelope import Envelope
from mainspring.domain.message import Json
from mainspring.testing.simulation.client import Asked
from mainspring.testing.simulation.world import EPOCH

_RUN: Final = r"(?:/sagas|/v1/workflow-runs|/api/v1/executions)/(?P<run>[^/?]+)"
_GRANTS: Final[Sequence[tuple[str, "re.Pattern[str]", Mapping[str, str]]]] = (
    (
        "POST",
        re.compile(_RUN + r"/(?P<act>cancel|pause|resume|retry|wake)"),
        {
            "cancel": "CancelRequested",
            "pause": "PauseRequested",
            "resume": "ResumeRequested",
            "wake": "WakeRequested",
        },
    ),
    ("DELETE", re.compile(_RUN + "(?P<act>)$"), {"": "CancelRequested"}),
    (
        "POST",
        re.compile(_RUN + r"/steps/[^/]+/(?P<act>[\w-]+)"),
        {
            "approve": "StepApproved",
            "reject": "StepRejected",
            "skip": "SkipRequested",
            "force-complete": "CompleteRequested",
            "fail": "FailRequested",
            "retry": "StepResetRequested",
            "replay-subtree": "StepResetRequested",
        },
    ),
    ("POST", re.compile(_RUN + r"/node/[^/]+/(?P<act>callback)"), {"callback": "CallbackReceived"}),
    ("POST", re.compile(r"/v1/events/[^/]+/(?P<act>send)"), {"send": "TriggerReceived"}),
    (
        "POST",
        re.compile(r"/api/v1/approvals/[^/]+/(?P<act>approve|reject)"),
        {"approve": "StepApproved", "reject": "StepRejected"},
    ),
    (
        "POST",
        re.compile(r"/sagas(?:/definitions/[^/]+/[^/]+)?/(?P<act>run)$"),
        {"run": "ExecutionRequested"},
    ),
    (
        "POST",
        re.compile(r"/v1/workflows/[^/]+/(?P<act>trigger)|/api/v1/flows/[^/]+/(?P<flow>execute)"),
        {"trigger": "ExecutionRequested", "execute": "ExecutionRequested"},
    ),
    ("POST", re.compile(r"/api/v1/(?P<act>run)/"), {"run": "ExecutionRequested"}),
)
_IDS: Final = ("workflow_run_id", "executionId", "execution_id", "id")


class Grant(NamedTuple):
    """What must have happened to a run, and by when."""

    run: str
    type: str
    until: float


def granted(asked: Sequence[Asked], log: Sequence[Envelope], *, skew: float) -> Iterator[str]:
    """Yield what was granted and is not in the log, or was not there when it was granted."""
    first: dict[tuple[str, str], float] = {}
    for envelope in log:
        first.setdefault((envelope.stream.id, envelope.type), envelope.recorded_at)
    for one in asked:
        grant = _granted(one)
        if grant is None:
            continue
        at = first.get((grant.run, grant.type))
        if at is None:
            yield f"{one.verb} {one.path} was granted, and {grant.run} has no {grant.type}"
        elif at > grant.until + skew:
            yield f"{one.verb} {one.path} was granted {at - grant.until:.3f} s before it was kept"


def _granted(one: Asked) -> Grant | None:
    # 200 where 202 or 201 is usual says that it had been so before.
    if one.status not in (200, 201, 202, 204):
        return None
    for verb, pattern, events in _GRANTS:
        found = pattern.match(one.path) if verb == one.verb else None
        if found is None:
            continue
        parts = found.groupdict()
        type = events.get(parts["act"] or parts.get("flow") or "")
        run = parts.get("run") or _run_of(one.answer)
        if type is not None and run:
            return Grant(run, type, EPOCH + one.until)
    return None


def _run_of(answer: Json) -> str:
    """Return the run that an answer is about."""
    if not isinstance(answer, dict):
        return ""
    body = cast("dict[str, Json]", answer)
    return next((str(body[name]) for name in _IDS if body.get(name)), "")
