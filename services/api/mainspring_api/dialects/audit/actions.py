"""What people and peers do, in words: from the events that they cause."""

from typing import Final, get_args

from mainspring.domain import catalog, kv, requests, triggers
from mainspring.domain.execution.evolve import FACTS
from mainspring.domain.message import Message

_WORDS: Final[dict[str, str]] = {
    "ExecutionRequested": "execution.start",
    "CancelRequested": "execution.cancel",
    "PauseRequested": "execution.pause",
    "ResumeRequested": "execution.resume",
    "RetryRequested": "execution.retry",
    "RunAdmitted": "execution.admit",
    "RunRejected": "execution.reject",
    "StepResetRequested": "task.reset",
    "WakeRequested": "task.wake",
    "CallbackReceived": "task.callback",
    "SkipRequested": "task.skip",
    "CompleteRequested": "task.complete",
    "FailRequested": "task.fail",
    "TriggerReceived": "event.receive",
    "TriggerCancelRequested": "event.cancel",
    "StepApproved": "approval.approve",
    "StepRejected": "approval.reject",
    "DefinitionStored": "definition.store",
    "DefinitionDeleted": "definition.delete",
    "ValueSet": "kv.set",
    "ValueRemoved": "kv.delete",
    "EventBuffered": "event.keep",
    "TriggersPurged": "event.purge",
    "RequestAnswered": "request.answer",
    "StarterSet": "trigger.set",
    "StarterPaused": "trigger.pause",
    "StarterResumed": "trigger.resume",
    "StarterBackfilled": "trigger.backfill",
    "StarterRemoved": "trigger.delete",
}

_KINDS: Final[tuple[type[Message], ...]] = (
    *FACTS,
    *get_args(kv.Event),
    catalog.DefinitionStored,
    catalog.DefinitionDeleted,
    requests.RequestAnswered,
    triggers.EventBuffered,
    triggers.TriggersPurged,
)


def _spelt(name: str) -> str:
    """Return `TriggerReceived` as `trigger.received`."""
    parts = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).split()
    return f"{parts[0]}.{'_'.join(parts[1:])}" if len(parts) > 1 else parts[0]


ACTIONS: Final[dict[str, str]] = {
    kind.__name__: _WORDS.get(kind.__name__, _spelt(kind.__name__)) for kind in _KINDS
} | {name: word for name, word in _WORDS.items() if name.startswith("Starter")}
"""The word for each type of event that somebody asked for."""

TYPES: Final[dict[str, tuple[str, ...]]] = {
    word: tuple(name for name, other in ACTIONS.items() if other == word)
    for word in ACTIONS.values()
}
"""The types of events that a word stands for."""
