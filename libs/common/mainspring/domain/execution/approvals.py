"""What people have decided about a step so far, and what that makes of it.

An approval is taken when as many different people have approved as it wants, a rejection by the
first one who rejects.  What an approval brings with it is held against the schema of the step when
it comes, so that a step never succeeds with an answer that does not fit.
"""

import functools
from collections.abc import Iterable
from typing import Final

import jsonschema_rs
import msgspec

from mainspring.domain.definition import Approval
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.execution.state import Decision, StepState
from mainspring.domain.message import Json
from mainspring.domain.schema_cost import visits

LATE: Final = "rejected: nobody decided in time"
"""The reason of a step that is rejected since its time is over."""

MOST_VISITS: Final = 50_000
"""How often the parts of a schema may judge the parts of an answer."""

MOST_TOLD: Final = 500
"""Beyond so many it is only told that something does not fit: a fault has a copy of its value."""

BY_TIME: Final = "timeout"
"""Who decides when nobody did."""


def approvers(decisions: Iterable[Decision]) -> list[str]:
    """Return who has approved, each once, in the order in which they did."""
    return list(dict.fromkeys(one.actor for one in decisions if one.decision == "approved"))


def is_taken(approval: Approval | None, decisions: Iterable[Decision]) -> bool:
    """Say whether as many people have approved as it takes."""
    return len(approvers(decisions)) >= (approval.required if approval is not None else 1)


def output_of(state: StepState, by: str, comment: str, *, approved: bool = True) -> Json:
    """Return the output of a step that was decided about."""
    brought = [one.payload for one in state.decisions if one.payload is not None]
    return {
        "approved": approved,
        "approved_by": by if approved else None,
        "decided_by": by,
        "decidedBy": None if by == BY_TIME else by,
        "comment": comment,
        "inputs": brought[-1] if brought else None,
        "decisions": [
            {"actor": one.actor, "decision": one.decision, "comment": one.comment, "at": one.at}
            for one in state.decisions
        ],
    }


def demand_fit(approval: Approval | None, payload: Json) -> None:
    """Raise `DefinitionInvalid` with all faults of an answer that its schema does not allow."""
    if approval is None or approval.answer is None:
        return
    text = msgspec.json.encode(approval.answer, order="sorted").decode()
    cost = visits(approval.answer, payload, MOST_VISITS)
    if cost > MOST_VISITS:
        raise DefinitionInvalid(["inputs: the step's schema asks too much of what they are"])
    try:
        validator = _validator(text)
        if cost > MOST_TOLD:
            faults = [] if validator.is_valid(payload) else ["inputs: do not fit the step's schema"]
        else:
            faults = [_told(error) for error in validator.iter_errors(payload)]
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        raise DefinitionInvalid([f"inputs: the step's schema cannot be used: {error}"]) from None
    if faults:
        raise DefinitionInvalid(faults)


def _told(error: jsonschema_rs.ValidationError) -> str:
    place = ".".join(["inputs", *(str(part) for part in error.instance_path)])
    return f"{place}: {error.message}"


@functools.lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        msgspec.json.decode(schema),
        retriever=_nowhere,
        pattern_options=jsonschema_rs.RegexOptions(),
    )


def _nowhere(uri: str) -> Json:
    raise ValueError(f"{uri} is not looked up")
