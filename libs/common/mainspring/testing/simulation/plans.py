"""How the peers of one workflow behave: well for ever, or badly now and then.

A workflow is solid or fragile as a whole.  Every peer of a solid one answers well and in time.
"""

from mainspring.domain.message import Json
from mainspring.testing.http import Reply
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.peers import Callback, Plan, Turn

LARGE_BODY = 140 * 1024


class Planner:
    """Draws plans for the peers of a workflow."""

    def __init__(self, chance: Chance, *, is_solid: bool) -> None:
        self._chance = chance
        self._is_solid = is_solid

    def _good(self) -> Reply:
        chance = self._chance
        latency = chance.pick([0.0, chance.around(0.05), chance.around(0.5)])
        body: Json = {"ok": True, "ref": chance.whole(0, 999)}
        if chance.hits(0.02):
            body["large"] = "x" * LARGE_BODY
        return Reply(200, body, latency=min(latency, 5.0))

    def _bad(self) -> Turn:
        chance = self._chance
        replies = [
            Reply(500, {"ok": False}),
            Reply(409, b"in another state"),
            Reply(503, b"", headers={"Retry-After": "2"}, latency=0.1),
            Reply(200, {"ok": True}, latency=0.2, lost=True),
            Reply(200, {"ok": True}, latency=12.0),
        ]
        return Turn(chance.pick(replies), fails=True)

    def plan(self, worst: float = 0.08) -> Plan:
        """Draw the answers of a peer; `worst` is how likely it fails for ever."""
        reply = self._good()
        # Too slow for some of the time-outs that a fragile workflow may have.
        good = Turn(reply, fails=not self._is_solid and reply.latency > 0.4)
        if self._is_solid or self._chance.hits(0.5):
            return Plan((good,), is_solid=self._is_solid)
        bad = [self._bad() for _ in range(self._chance.whole(0, 3))]
        return Plan((*bad, self._bad() if self._chance.hits(worst) else good))

    def answering(self, timeout: float) -> Plan:
        """Draw how a peer takes a call and calls back."""
        good = self._calling_back()
        if self._is_solid:
            return Plan((good,), is_solid=True)
        odd = [self._oddly(timeout) for _ in range(self._chance.whole(0, 2))]
        return Plan((*odd, good if self._chance.hits(0.9) else self._oddly(timeout)))

    def _calling_back(self) -> Turn:
        """Answer well: soon, late, or even before the call was answered, and perhaps twice."""
        chance = self._chance
        latency = chance.pick([0.0, 0.05, chance.around(0.5)])
        after = chance.pick([0.0, 0.0, latency, latency + chance.around(1.5)])
        good = Callback(after, {"ok": True}, times=chance.pick([1, 1, 2]))
        forged = Callback(after, {"ok": False}, signed=chance.pick(["badly", "not at all"]))
        callbacks = (forged, good) if chance.hits(0.2) else (good,)
        # Peers cannot call back before they know that they were called in earnest.
        fails = not self._is_solid
        return Turn(Reply(202, {"taken": True}, latency=latency), callbacks, fails=fails)

    def _oddly(self, timeout: float) -> Turn:
        chance = self._chance
        taken = Reply(202, {"taken": True})
        said_no = Callback(chance.around(1.0), {"ok": False}, times=chance.pick([1, 2]))
        late = Callback(timeout + chance.around(3.0), {"ok": True})
        return chance.pick(
            [
                Turn(taken, (said_no,), fails=True),
                Turn(taken, (late,), fails=True),
                Turn(taken, (), fails=True),
                Turn(Reply(500), (), fails=True),
                Turn(Reply(500), (Callback(0.0, {"ok": True}),), fails=True),
            ]
        )
