"""The names that templates and conditions of a workflow may use, checked before anything runs.

`payload`, `steps` and `run` are ours; every other name is one of the payload's members, so that
`{{order.id}}` is `{{payload.order.id}}`.  A step may read what lies upstream of it, since that has
ended when it begins; a name that would be there or not by chance is a fault.
"""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from mainspring.domain.expression import Path
from mainspring.http.faults import Faults
from mainspring_api.dialects.templates import Judge, Tree, check_below, dotted

ROOTS: Final = ("payload", "steps", "run")
WORDS: Final = {"succeeded": "completed"}
"""The dialect's words for the engine's statuses of steps, where they are other ones."""

_LEAF: Final[Tree] = {}
_RESPONSE: Final[Tree] = {"status": _LEAF, "headers": None, "body": None}
_STEP: Final[Tree] = {"output": None, "status": _LEAF, "response": _RESPONSE}
_RUN: Final[Tree] = {**dict.fromkeys(("id", "name", "version", "project"), _LEAF), "tags": None}


class Scope(NamedTuple):
    """What is in view: all steps that there are, and those whose results are there by then."""

    refs: Collection[str]
    seen: Collection[str]

    def judge(self, faults: Faults, bare: set[str]) -> Judge:
        """Return what notes the faults of names, and collects the payload's bare ones."""

        def judge(path: Path, is_ours: bool, place: str) -> None:
            if path and path[0] not in ROOTS:
                bare.add(path[0])
            elif path or is_ours:
                self.check(path, place, faults)

        return judge

    def check(self, path: Path, place: str, faults: Faults) -> None:
        """Note what is wrong with a path below one of our roots."""
        match path:
            case ():
                faults.add(place, '"." names nothing here')
            case ("run", *_):
                check_below(path, _RUN, 1, place, faults)
            case ("steps", ref, *_):
                self.check_step(ref, place, faults)
                check_below(path, _STEP, 2, place, faults)
            case _:
                pass

    def check_step(self, ref: str, place: str, faults: Faults) -> None:
        """Note it when there is no such step, or none that has ended by then."""
        if ref not in self.refs:
            faults.unknown(place, "step", ref, self.refs)
        elif ref not in self.seen:
            what = f'step "{dotted((ref,))}" is not upstream of this one: name it in depends_on'
            faults.add(place, what)


def aliases(bare: Iterable[str]) -> dict[str, str]:
    """Return the engine's names for bare names of the payload."""
    return {name: f"payload.{name}" for name in sorted(bare)}
