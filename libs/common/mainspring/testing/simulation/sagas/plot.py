"""The plot of the sagas dialect: a few users, each with a workflow of their own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mainspring.domain.envelope import Envelope
from mainspring.domain.execution.outlook import outlook
from mainspring.domain.execution.state import SIDE, Execution
from mainspring.domain.message import Json
from mainspring.domain.rows import ExecutionRow
from mainspring.testing.simulation import laws
from mainspring.testing.simulation.helping import help_out
from mainspring.testing.simulation.past import moments
from mainspring.testing.simulation.plot import Stage
from mainspring.testing.simulation.sagas.actors import Actor, SagaStarted
from mainspring.testing.simulation.sagas.script import Writer

FEWEST_RUNS: Final = 11


MOMENTS: Final = 2
"""How often one looks back."""

_BAD_ENDS: Final = ("failed", "corrupted")
_WORDS: Final = {"callback": "WAITING_CALLBACK", "sleep": "SLEEPING", "join": "WAITING_JOIN"}


class SagasPlot:
    """Runs are started, woken, paused, canceled and retried."""

    night = lull = 0.0

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._actors = [self._actor(n) for n in range(FEWEST_RUNS + stage.chance.whole(0, 1))]

    def actors(self) -> Sequence[Actor]:
        """Return the users."""
        return self._actors

    def _actor(self, n: int) -> Actor:
        own = self._stage.chance.child(str(n))
        workflow = Writer(own.child("workflow"), self._stage.peers, f"w{n}").workflow()
        return Actor(self._stage.client, own, workflow, f"key-{n}")

    async def help(self) -> None:
        """Let what is paused go on."""
        await help_out(self._stage)

    async def look_back(self) -> Sequence[str]:
        """Ask how some runs stood at some time, and compare with what the log says."""
        stage = self._stage
        found: list[str] = []
        for moment in moments(stage.tables.log, stage.chance.child("past"), MOMENTS):
            path = f"/sagas/{moment.x.id}?as_of={moment.position}"
            answer = await stage.client.ask("GET", path)
            shown: Json = answer.body if answer is not None and answer.status == 200 else {}
            wanted = {"status": _word(moment.x), "currentNodes": _current(moment.x)}
            if {name: shown.get(name) for name in wanted} != wanted:
                found.append(f"GET {path} answers {answer}, and it was {wanted}")
        return found

    def judged(self, rows: Mapping[str, ExecutionRow], log: Sequence[Envelope]) -> Iterator[str]:
        """Hold starts and ends to what was promised."""
        starts = [actor.started for actor in self._actors]
        yield from laws.promises(starts, rows, log)
        yield from _ends(starts, rows, self._stage.peers.blamed)


def _word(x: Execution) -> str:
    """Return the dialect's word for a state."""
    if x.is_terminal:
        return x.status.upper()
    return (
        _WORDS.get(outlook(x).waiting_for or "", "IN_PROGRESS")
        if x.status == "running"
        else ("IN_PROGRESS")
    )


def _current(x: Execution) -> list[str]:
    return [state.ref for state in x.open_steps() if state.phase not in SIDE]


def _ends(
    starts: Sequence[SagaStarted], rows: Mapping[str, ExecutionRow], blamed: set[str]
) -> Iterator[str]:
    """No run fails unless the world failed it, and one whose peers are all good succeeds."""
    for started in starts:
        for id in sorted(started.ids & rows.keys()):
            row = rows[id]
            solid = started.workflow.is_solid and not started.cancel_asked
            if solid and row.status != "succeeded":
                yield f"execution {id} is {row.status} although all went well: {row.reason}"
            if row.status in _BAD_ENDS and id not in blamed:
                yield f"execution {id} is {row.status} although no peer failed it: {row.reason}"
            if row.status == "canceled" and not started.cancel_asked:
                yield f"execution {id} was canceled by nobody"
