"""Looking at runs through the shared document of executions: how one stood, and what it has said.

What is answered is compared with the log: the state of a run after any of its events, folded here
once more, in the words of both dialects; and the lines of its log, each once, under rising numbers.
"""

from collections.abc import Iterator, Sequence
from typing import Final, cast

from mainspring.domain.envelope import Envelope
from mainspring.domain.execution import events as e
from mainspring.domain.execution.history import event_of
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import Json
from mainspring.testing.simulation.flows.requests import EXECUTIONS
from mainspring.testing.simulation.past import moments
from mainspring.testing.simulation.plot import Stage

TALKATIVE: Final = frozenset({"StepLogged", "StepSucceeded", "StepFailed"})
MOMENTS: Final = 2
ENDED: Final = {
    "succeeded": ("completed", "SUCCESS"),
    "failed": ("failed", "FAILED"),
    "canceled": ("cancelled", "CANCELLED"),
    "timed_out": ("timed_out", "TIMED_OUT"),
}


async def looked_back(stage: Stage) -> list[str]:
    """Ask how some runs stood at some time; return what reads otherwise than it was."""
    found: list[str] = []
    for moment in moments(stage.tables.log, stage.chance.child("past"), MOMENTS):
        path = f"{EXECUTIONS}/{moment.x.id}?as_of={moment.position}"
        shown, wanted = _words(await _read(stage, path)), words(moment.x)
        if shown != wanted:
            found.append(f"GET {path} shows {shown}, and it was {wanted}")
        found += await _log_of(stage, moment.x.id)
    return found


async def _read(stage: Stage, path: str) -> Json:
    answer = await stage.client.ask("GET", path)
    return answer.body if answer is not None else None


def _words(body: Json) -> tuple[Json, Json] | None:
    """Return what an answer says of a run in the words of runs and of flows."""
    if not isinstance(body, dict):
        return None
    whole = cast("dict[str, Json]", body)
    return whole.get("status"), whole.get("execution", {}).get("status")


def words(x: Execution) -> tuple[str, str]:
    """Return how a run stands in the words of runs and of flows."""
    if x.status in ENDED:
        return ENDED[x.status]
    reason = outlook(x).waiting_for
    if x.status == "pending":
        return ("queued" if reason == "slot" else "pending"), "QUEUED"
    held = x.status == "paused" or reason == "approval"
    return "running", "PAUSED" if held else "RUNNING"


async def _log_of(stage: Stage, id: str) -> list[str]:
    """Ask for what a run has said; return what reads otherwise than it was."""
    path = f"{EXECUTIONS}/{id}/logs?limit=500"
    frames = cast("list[dict[str, Json]] | None", await _read(stage, path)) or []
    said = [(frame["taskName"], frame["message"]) for frame in frames]
    wanted = _lines(stage.tables.log, id)
    if said != wanted:
        return [f"GET {path} says {said}, and {wanted} was said"]
    numbers = [frame["seq"] for frame in frames]
    if numbers != sorted(set(numbers)):
        return [f"GET {path} has frames that do not rise: {numbers}"]
    return []


def _lines(log: Sequence[Envelope], id: str) -> list[tuple[str, str]]:
    own = (event_of(one) for one in log if one.stream.id == id and one.type in TALKATIVE)
    said = (event for event in own if isinstance(event, e.StepEvent))
    return [(event.ref, line) for event in said for line in _said(event)]


def _said(event: e.StepEvent) -> Iterator[str]:
    """Yield the lines that an event stands for: those of a call, or that of a gate's notice."""
    match event:
        case e.StepLogged():
            yield from (line.message for line in event.lines)
        case e.StepSucceeded(phase="notify", exchange=exchange):
            yield f"{exchange.url if exchange else 'nobody'} was told"
        case e.StepFailed(phase="notify", exchange=exchange, reason=reason):
            yield f"{exchange.url if exchange else 'nobody'} was not told: {reason}"
        case _:
            pass
