"""What may be wrong with something that has not ended, and what is done about it.

Whatever has not ended has a reason and a next wake-up, or waits for somebody's word.  An ailment is
a row of the views that breaks this law; nothing but the views is asked, so that all of a platform
can be looked at in one query.  To walk every live stream instead, the rival, costs the whole log.
"""

from typing import Final, Literal, TypeAlias

import msgspec

Ail: TypeAlias = Literal[
    "without_wakeup",
    "unhandled",
    "overdue",
    "behind",
    "lost_timer",
    "stray_timer",
    "step_lost",
    "trigger_lost",
    "approval_lost",
    "trigger_left",
    "approval_left",
    "place_held",
    "starter_overdue",
    "starter_stuck",
    "event_undelivered",
]

GRACE: Final = 60.0
"""Seconds for which something may be late before it is an ailment: a restart takes less."""

_TURN: Final = "write the rows of its run anew from the log, and take the turn that it is owed"
_ROWS: Final = "write the rows of its run anew from the log"

REMEDIES: Final[dict[Ail, str]] = {
    "without_wakeup": _TURN,
    "unhandled": _TURN,
    "overdue": _TURN,
    "behind": _TURN,
    "lost_timer": _ROWS,
    "stray_timer": _ROWS,
    "step_lost": _ROWS,
    "trigger_lost": _ROWS,
    "approval_lost": _ROWS,
    "trigger_left": _ROWS,
    "approval_left": _ROWS,
    "place_held": "write the rows of who has the places anew, and let in who may begin",
    "starter_overdue": "write its row anew from the log, and fire what is due",
    "starter_stuck": "write its row anew from the log",
    "event_undelivered": "offer what is kept for its key to whoever waits with it",
}
"""What mends each, in one sentence."""


class Ailment(msgspec.Struct, frozen=True):
    """Something that has not ended and will not move as it should.

    `id` names the row, `subject` the execution or the starter that it belongs to, or the key of a
    kept event; `since` is the instant from which on it is so, as far as the views know.
    """

    kind: Ail
    id: str
    project: str
    subject: str
    since: float

    @property
    def remedy(self) -> str:
        """What is done about it, in one sentence."""
        return REMEDIES[self.kind]
