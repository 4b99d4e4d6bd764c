"""The plot of flows: people execute them, the clock, webhooks and other flows start them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mainspring.domain.envelope import Envelope
from mainspring.domain.rows import ApprovalRow, ExecutionRow
from mainspring.testing.simulation import laws
from mainspring.testing.simulation.flows import requests as r
from mainspring.testing.simulation.flows.laws import counted, delivered, owing, said
from mainspring.testing.simulation.flows.looking import looked_back
from mainspring.testing.simulation.flows.people import Person
from mainspring.testing.simulation.flows.script import Writer, workflow
from mainspring.testing.simulation.flows.tasks import PEOPLE
from mainspring.testing.simulation.helping import help_out, left_alone
from mainspring.testing.simulation.plot import Stage

FEWEST_PEOPLE: Final = 3
LULL_S: Final = 11.0
"""By when whoever follows an end has looked for one, where no notice came."""


class FlowsPlot:
    """Flows are executed, scheduled, called and followed; somebody helps them at the end."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.lull = LULL_S
        self.night: float = stage.chance.pick([65.0, 85.0]) if stage.chance.hits(0.15) else 0.0
        self._people: list[Person] = []
        for n in range(FEWEST_PEOPLE + stage.chance.whole(0, 1)):
            self._people.append(self._person(n))

    def actors(self) -> Sequence[Person]:
        """Return the people."""
        return self._people

    def _person(self, n: int) -> Person:
        own = self._stage.chance.child(str(n))
        chance = own.child("workflow")
        is_solid = chance.hits(0.3)
        peers, name = self._stage.peers, f"f{n}"
        if chance.hits(0.3):
            flow = workflow(chance, peers, name, is_solid=is_solid)
        else:
            flow = Writer(chance, peers, name, is_solid=is_solid, night=self.night).flow()
        others = [person.flow.name for person in self._people]
        person = Person(self._stage, own, flow, f"key-{n}", others=others)
        person.night = self.night
        return person

    async def help(self) -> None:
        """Resume what is paused, and approve what is pending, as often as it takes."""
        await help_out(self._stage)
        left = left_alone(self._stage.tables)
        for row in list(self._stage.tables.rows(ApprovalRow)):
            if row.status == "pending" and row.execution not in left:
                for who in row.approvers or PEOPLE:
                    wish = r.of_step(row.execution, row.ref, "approve", who=who)
                    await self._stage.client.ask(wish.verb, wish.path, headers=wish.headers)

    async def look_back(self) -> Sequence[str]:
        """Ask how some runs stood at some time, and what they have said."""
        return await looked_back(self._stage)

    def judged(self, rows: Mapping[str, ExecutionRow], log: Sequence[Envelope]) -> Iterator[str]:
        """Hold starts, ends and answers to what was promised."""
        starts = [started for person in self._people for started in person.starts]
        yield from laws.promises(starts, rows, [one for one in log if not _is_delivered(one)])
        yield from r.unexpected(self._stage.client.asked)
        yield from delivered([one for person in self._people for one in person.deliveries], log)
        yield from owing(log)
        yield from said(log)
        yield from counted(log)
        for person in self._people:
            yield from (f"not readable after its acknowledgement: {it}" for it in person.unread)
            yield from self._ends(person, rows)

    def _ends(self, person: Person, rows: Mapping[str, ExecutionRow]) -> Iterator[str]:
        """Hold that no run ends badly unless the world or somebody did something to it."""
        family = {flow.name: flow for flow in person.flow.family()}
        own = [row for row in rows.values() if row.name in family]
        is_blamed = any(row.id in self._stage.peers.blamed for row in own)
        for row in own:
            flow = family[row.name]
            if flow.is_solid and not person.harm and row.status != "succeeded":
                yield f"run {row.id} is {row.status} although all went well: {row.reason}"
            excused = is_blamed or person.harm or person.flow.may_fail
            if row.status != "succeeded" and not excused:
                yield f"run {row.id} is {row.status} although nobody failed it: {row.reason}"


def _is_delivered(envelope: Envelope) -> bool:
    """Say whether a run was started by a webhook: its key is a signature's."""
    actor = envelope.meta.actor
    return actor.startswith("webhook:")
