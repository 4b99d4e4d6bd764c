"""The services that workflows call: scripted, slow, forgetful, and fond of calling back.

A peer's answers are planned by the number of the call with one idempotency key, so a step that
is tried again meets the next answer.  Whatever a peer does to a run that could make the run fail is
kept, so that the laws can say: no run fails unless the world failed it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Literal, cast
from urllib.parse import urlsplit

import msgspec

from mainspring.domain.message import Json
from mainspring.ports import HttpFault
from mainspring.testing.http import Call, Reply, ScriptedHttp
from mainspring.testing.simulation.faults import Chance, Fault, Weather
from mainspring.testing.simulation.scripts import Prompter
from mainspring.testing.simulation.world import SimulatedClock, Spawn

HOST: Final = "http://peer.test/"
SLOW_S: Final = 10.0
LATE_S: Final = 2.0
_VERBS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Callback(msgspec.Struct, frozen=True):
    """An answer that comes later: `after` seconds from the call, so many times."""

    after: float
    body: Json
    times: int = 1
    signed: Literal["well", "badly", "not at all"] = "well"


class Turn(msgspec.Struct, frozen=True):
    """What a peer does at one call; `fails`: a run may fail because of it."""

    reply: Reply
    callbacks: tuple[Callback, ...] = ()
    fails: bool = False


class Plan(msgspec.Struct, frozen=True):
    """What a peer does at the first call with a key, at the second, …; the last turn repeats."""

    turns: tuple[Turn, ...]
    is_solid: bool = False

    def turn(self, number: int) -> Turn:
        return self.turns[min(number, len(self.turns)) - 1]


Post = Callable[[str, dict[str, str], bytes], Awaitable[int | None]]
"""Post a callback; the status of the answer, None when there was none."""


class Peers:
    """All peers of a history behind one `HttpClient`."""

    def __init__(
        self,
        chance: Chance,
        weather: Weather,
        spawn: Spawn,
        post: Post,
        note: Callable[[Fault], None],
        prompter: Prompter,
    ) -> None:
        self._prompter = prompter
        self._draws = 0
        self._note = note
        self.http = ScriptedHttp(SimulatedClock(), gate=self._gate)
        self.blamed: set[str] = set()
        self.answered: list[tuple[str, int]] = []
        self._plans: dict[str, Plan] = {}
        self._count: Counter[str] = Counter()
        self._chance = chance
        self._weather = weather
        self._spawn = spawn
        self._post = post
        for verb in _VERBS:
            self.http.on(verb, HOST + "*", self._serve)

    def plan(self, name: str, plan: Plan) -> str:
        """Make a peer; return its URL."""
        self._plans[name] = plan
        return HOST + name

    def _plan_of(self, call: Call) -> Plan:
        return self._plans[urlsplit(call.url).path.lstrip("/")]

    def _blame(self, call: Call) -> None:
        self.blamed.add(call.idempotency_key.split(":")[0])

    def _gate(self, call: Call) -> HttpFault | None:
        if self._plan_of(call).is_solid or not self._is_cut("peer away"):
            return None
        self._blame(call)
        self._tell("peer away", call)
        return HttpFault("connection", "simulated: nobody listens")

    def _is_cut(self, what: str) -> bool:
        self._draws += 1
        hits = self._chance.hits(self._weather.wire_cuts)
        return hits and self._prompter.lets(what, "peers", self._draws)

    def _tell(self, what: str, call: Call) -> None:
        self._note(Fault(asyncio.get_running_loop().time(), what, call.idempotency_key))

    def _serve(self, call: Call) -> Reply:
        plan = self._plan_of(call)
        self._count[call.idempotency_key] += 1
        name = urlsplit(call.url).path.lstrip("/")
        is_odd = len(plan.turns) > 1 and self._prompter.is_odd(name)
        turn = plan.turn(self._count[call.idempotency_key] if is_odd else len(plan.turns))
        for callback in turn.callbacks:
            self._tell_of(callback, call)
            self._spawn(self._call_back(call, callback))
        reply = _visited(turn.reply, call)
        if not plan.is_solid and self._is_cut("peer loses answer"):
            reply = msgspec.structs.replace(reply, lost=True)
        if turn.fails or reply.lost:
            self._blame(call)
        if reply.lost:
            self._tell("peer loses answer", call)
        elif reply.status >= 400:
            self._tell("peer fails", call)
        elif reply.latency > SLOW_S:
            self._tell("peer slow", call)
        return reply

    def _tell_of(self, callback: Callback, call: Call) -> None:
        if callback.signed != "well":
            self._tell("callback forged", call)
        if callback.times > 1:
            self._tell("callback twice", call)
        if callback.after > LATE_S:
            self._tell("callback late", call)

    async def _call_back(self, call: Call, callback: Callback) -> None:
        await asyncio.sleep(callback.after)
        headers = {"content-type": "application/json"}
        if callback.signed != "not at all":
            token = call.headers["x-callback-token"]
            is_bad = callback.signed == "badly"
            headers["x-callback-token"] = token[:-4] + "AAAA" if is_bad else token
        path = urlsplit(call.headers["x-callback-url"]).path
        for _ in range(callback.times):
            await self._insist(path, headers, msgspec.json.encode(callback.body))

    async def _insist(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Post until there is an answer that settles it, as a good peer does."""
        for _ in range(40):
            status = await self._post(path, headers, body)
            if status is not None and status < 500:
                self.answered.append((path, status))
                return
            await asyncio.sleep(self._chance.around(1.0))


def _visited(reply: Reply, call: Call) -> Reply:
    """Tell the caller which visit of its step this is, so that loops can end."""
    visit = call.idempotency_key.rpartition(":")[2]
    given: object = reply.body
    if not isinstance(given, dict) or not visit.isdecimal():
        return reply
    body = {**cast("dict[str, Json]", given), "visit": int(visit)}
    return msgspec.structs.replace(reply, body=body)
