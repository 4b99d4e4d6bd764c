"""Random workflows and random lives for properties: definitions, and scripts that play them.

Definitions are drawn as a tree of blocks (a step, a choice, a fork, a loop) and then laid out as a
graph, so that every one is valid; loops and compensations never meet in one definition.  A script
is a list of small numbers, read against the state as it is (the second task in flight, an older
attempt of it, the third request), so that it stays meaningful while it shrinks.
"""

from typing import Final, NamedTuple

from hypothesis import strategies as st

from mainspring.domain.definition import Approval, Definition, Ending, Retry, Step
from mainspring.domain.errors import Rejected
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import EmitEvent, StartChild
from mainspring.domain.message import Json, replace
from mainspring.domain.task import Fault, Task
from mainspring.testing.player import Player
from mainspring.testing.shapes import (
    again,
    approval,
    call,
    child,
    dag,
    each,
    guard,
    join,
    later,
    needing,
    path,
    sleep,
    split,
    switch,
    task,
    wait,
)

RULES: Final[list[Json]] = [
    True,
    False,
    {"var": "payload.flag"},
    {"==": [{"var": "prev.body.n"}, 1]},
    {">": [{"var": "nodes.s1.response.body.n"}, 1]},
    {"no such operator": 1},
]
POLICIES: Final[list[Retry | None]] = [
    None,
    again(0),
    again(1, delay=0.0),
    again(2, delay=5.0, multiplier=2.0, max_delay=8.0, jitter=0.5),
    again(1, delay=300.0, retry_on=("5xx", "timeout")),
]
ENDINGS: Final[list[tuple[Ending, ...]]] = [
    *[()] * 6,
    ("succeeded", "failed", "timed_out", "canceled"),
    ("failed", "timed_out"),
    ("succeeded", "canceled"),
]
MOST_VISITS: Final = 60


class _Layout:
    """Lays out blocks as steps; each block is told where its way goes on."""

    def __init__(self, draw: st.DrawFn, *, loops: bool) -> None:
        self._draw = draw
        self._loops = loops
        self.steps: list[Step] = []

    def sequence(self, depth: int, target: str | None) -> str:
        """Add one to three blocks that lead to `target`; return where they begin."""
        entry = target
        for _ in range(self._draw(st.integers(1, 3))):
            entry = self._block(depth, entry)
        return entry or ""

    def _name(self) -> str:
        name = f"s{len(self.steps)}"
        self.steps.append(Step(ref=name))  # keeps the place; `_put` fills it
        return name

    def _put(self, step: Step) -> str:
        self.steps[int(step.ref[1:])] = step
        return step.ref

    def _block(self, depth: int, target: str | None) -> str:
        kinds = ["task", "task", "later", "sleep"]
        if depth:
            kinds += ["choice", "fork"] + (["loop"] if self._loops else [])
        match self._draw(st.sampled_from(kinds)):
            case "choice":
                return self._choice(depth, target)
            case "fork":
                return self._fork(depth, target)
            case "loop":
                return self._loop(depth, target)
            case kind:
                return self._leaf(kind, target)

    def _leaf(self, kind: str, target: str | None) -> str:
        name = self._name()
        if kind == "sleep":
            return self._put(sleep(name, float(self._draw(st.integers(0, 40))), next=target))
        fields: dict[str, Json] = {
            "undo": not self._loops and self._draw(st.booleans()),
            "retry": self._draw(st.sampled_from(POLICIES)),
            "next": target,
        }
        if kind == "later":
            failure = self._draw(st.sampled_from([None, None, {"var": "callback.body.bad"}]))
            return self._put(later(name, failure_when=failure, **fields))
        return self._put(task(name, **fields))

    def _choice(self, depth: int, target: str | None) -> str:
        name = self._name()
        end = target or self._leaf("task", None)
        rule = self._draw(st.sampled_from(RULES))
        one = self.sequence(depth - 1, target)
        return self._put(switch(name, (rule, one), default=end))

    def _fork(self, depth: int, target: str | None) -> str:
        name, joint = self._name(), self._name()
        width = self._draw(st.integers(2, 3))
        entries = [self.sequence(depth - 1, joint) for _ in range(width)]
        tolerance = self._draw(st.sampled_from(["fail", "continue"]))
        self._put(join(joint, next=target, on_branch_failure=tolerance))
        return self._put(split(name, *entries, join=joint))

    def _loop(self, depth: int, target: str | None) -> str:
        name = self._name()
        end = target or self._leaf("task", None)
        body = self.sequence(depth - 1, name)
        self._put(switch(name, (self._draw(st.sampled_from(RULES)), body), default=end))
        return body


@st.composite
def paths(draw: st.DrawFn) -> Definition:
    """Draw a definition for the path planner."""
    layout = _Layout(draw, loops=draw(st.integers(0, 2)) == 0)
    entrypoint = layout.sequence(2, None)
    return path(*layout.steps, entrypoint=entrypoint, **draw(_fields()))


@st.composite
def dags(draw: st.DrawFn) -> Definition:
    """Draw a definition for the dag planner: each step may need any of those before it."""
    steps: list[Step] = []
    for n in range(draw(st.integers(1, 6))):
        needs = [step.ref for step in steps if draw(st.integers(0, 2)) == 0]
        step = needing(f"s{n}", *needs, undo=draw(st.booleans()))
        step = _of_kind(draw(st.integers(0, 15)), step)
        if draw(st.integers(0, 4)) == 0:
            step = draw(loops(step.ref, step.needs))
        rule = draw(st.sampled_from([None, None, None, *RULES]))
        policy = draw(st.sampled_from(["fail", "skip_dependents", "continue"]))
        retry = draw(st.sampled_from(POLICIES))
        emits = draw(st.sampled_from([None, None, None, "done/{{run.id}}"]))
        busy = draw(st.sampled_from([None, None, None, "one at a time"]))
        endings = draw(st.sampled_from(ENDINGS))
        step = replace(step, when=guard(rule), on_failure=policy, retry=retry, after=endings)
        steps.append(replace(step, emit_key=emits, concurrency_key=busy))
    return dag(*steps, max_parallel=draw(st.sampled_from([None, None, 1, 2])), **draw(_fields()))


@st.composite
def loops(draw: st.DrawFn, ref: str, needs: tuple[str, ...], depth: int = 1) -> Step:
    """Draw a step that is done once for each of some items."""
    steps: list[Step] = []
    for n in range(draw(st.integers(1, 3))):
        own = [step.ref for step in steps if draw(st.booleans())]
        step = _of_kind(draw(st.integers(0, 15)), needing(f"t{n}", *own, undo=draw(st.booleans())))
        if depth and draw(st.integers(0, 3)) == 0:
            step = draw(loops(step.ref, step.needs, depth - 1))
        policy = draw(st.sampled_from(["fail", "fail", "skip_dependents", "continue"]))
        rule = draw(st.sampled_from([None, None, {"<": [{"var": "index"}, 1]}]))
        retry = draw(st.sampled_from(POLICIES))
        steps.append(replace(step, on_failure=policy, when=guard(rule), retry=retry))
    return each(
        ref,
        draw(st.sampled_from([[], [1], [1, 2], [1, 2, 3], {"a": 1, "b": 2}, "{{payload.key}}"])),
        *steps,
        needs=needs,
        concurrency=draw(st.sampled_from([None, 1, 2])),
        fail_fast=draw(st.booleans()),
        batch=draw(st.sampled_from([1, 1, 2])),
        timeout=None if any(map(_has_child, steps)) else draw(st.sampled_from([None, None, 25.0])),
    )


def _has_child(step: Step) -> bool:
    """Say whether a step starts runs: a loop that does has no time of its own."""
    inner = step.each.steps if step.each is not None else ()
    return step.kind == "child" or any(map(_has_child, inner))


def _of_kind(kind: int, step: Step) -> Step:
    """Return a step of another kind in the place of a task; most stay tasks."""
    others: list[Step] = [
        sleep(step.ref, 20.0),
        later(step.ref),
        wait(step.ref, timeout=30.0, notify_url="http://peer.test/notice"),
        wait(step.ref, "shared"),
        approval(step.ref, "ann", timeout=40.0),
        replace(
            approval(step.ref),
            approval=Approval(timeout=40.0, required=2, on_timeout="approve"),
        ),
        replace(approval(step.ref), approval=Approval(timeout=40.0, on_timeout="reject")),
        child(step.ref),
    ]
    return replace(others[kind], needs=step.needs) if kind < len(others) else step


def _fields() -> st.SearchStrategy[dict[str, Json]]:
    return st.fixed_dictionaries(
        {
            "retry": st.sampled_from([again(0), again(1, delay=2.0)]),
            "run_timeout": st.sampled_from([None, None, 200.0]),
            "after_timeout": st.sampled_from([None, None, 50.0]),
            "on_success": st.sampled_from([None, call("hook", "good")]),
            "on_failure": st.sampled_from([None, call("hook", "bad")]),
            "max_visits": st.just(MOST_VISITS),
        }
    )


class Move(NamedTuple):
    """One line of a script: what happens, and which of the things that it could happen to."""

    act: str
    which: int
    how: int


ACTS: Final = (
    *("answer",) * 6,
    *("advance",) * 3,
    *("callback",) * 2,
    *("settle", "settle", "chore", "force"),
    *("reset", "request", "request", "start", "stale", "wait", "lost"),
)

Script = tuple[Move, ...]


class Life(NamedTuple):
    """A definition and what happens to a run of it."""

    definition: Definition
    script: Script
    flag: bool


def scripts(most: int = 30) -> st.SearchStrategy[Script]:
    """Draw what happens to a run."""
    move = st.builds(Move, st.sampled_from(ACTS), st.integers(0, 7), st.integers(0, 9))
    return st.lists(move, min_size=min(most, 4), max_size=most).map(tuple)


def lives(most: int = 30) -> st.SearchStrategy[Life]:
    """Draw a definition with a script."""
    return st.builds(Life, paths() | dags(), scripts(most), st.booleans())


FAULTS: Final[list[Fault]] = ["timeout", "connection", "canceled", "lost", "refused"]
REQUESTS: Final[list[c.Request]] = [
    c.RequestCancel(),
    c.RequestPause(),
    c.RequestResume(),
    c.RequestRetry(),
    c.RequestWake(),
    c.RequestWake(ref="s1"),
    c.RequestStepReset(ref="s0"),
    c.RequestStepReset(ref="s1", subtree=True),
]


def begin(life: Life) -> Player:
    """Return a run that has just been requested."""
    return Player(life.definition, payload={"flag": life.flag, "key": "order/7"})


def play(life: Life) -> Player:
    """Return a run after its whole script; what the decider refuses is passed over."""
    player = begin(life)
    player.advance()
    for move in life.script:
        make(player, move)
    return player


def make(player: Player, move: Move) -> None:
    """Let one line of a script happen."""
    player.pass_time(0.25)
    try:
        _make(player, move)
    except Rejected:
        return


def _make(player: Player, move: Move) -> None:
    match move.act:
        case "advance":
            player.jump()
            player.advance()
        case "wait":
            player.pass_time(move.how * move.which)
            player.advance()
        case "lost":
            player.advance(lost_before=player.now)
        case "start":
            for one in player.in_flight()[:1]:
                player.starts(one.call)
        case "chore":
            for chore in player.owed()[:1]:
                _carry_out(player, chore, move.how)
        case "answer":
            _answer(player, player.in_flight(), move)
        case "stale":
            _answer(player, player.tasks, move)
        case _:
            _ask(player, move)


def _ask(player: Player, move: Move) -> None:
    """Let somebody ask for something; half of the time the scheduler looks at once."""
    match move.act:
        case "callback":
            _call_back(player, move)
        case "settle":
            _settle(player, move)
        case "force":
            _force(player, move)
        case "reset":
            steps = player.x.definition.steps
            ref = steps[(move.which * 3 + move.how) % len(steps)].ref
            player.ask(c.RequestStepReset(ref=ref, subtree=move.how > 5))
        case _:
            player.ask(REQUESTS[move.which])
    if move.how % 2:
        player.advance()


def _answer(player: Player, tasks: list[Task], move: Move) -> None:
    if not tasks:
        player.jump()
        player.advance()
        return
    one = tasks[move.which % len(tasks)]
    if move.how < 5:
        player.answers(one.call, 200, {"n": move.how})
    elif move.how < 8:
        player.answers(one.call, [500, 404, 202][move.how - 5])
    else:
        player.answers(one.call, None, fault=FAULTS[move.which % len(FAULTS)])


def _call_back(player: Player, move: Move) -> None:
    tasks = [task for task in player.tasks if task.nonce]
    if tasks:
        one = tasks[-1 - move.which % len(tasks)]
        nonce = one.nonce if move.how else "guess"
        player.calls_back(one.call, nonce, {"n": move.how, "bad": move.how > 6})


def _settle(player: Player, move: Move) -> None:
    """Let somebody answer a wait, or try to answer one that is over."""
    states = player.waiting() or [one for one in player.x.steps.values() if one.opened]
    if not states:
        return
    state = sorted(states, key=lambda one: one.seq)[move.which % len(states)]
    attempt = state.attempt - (move.how == 9)
    if state.kind == "approval":
        who = "ann" if move.how and not state.decisions else "bob"
        answer = c.Approve if move.how < 6 else c.Reject
        player.ask(answer(ref=state.ref, actor=who, now=player.now))
    elif move.how < 7:
        player.ask(
            c.SendEvent(
                ref=state.ref,
                visit=state.visit,
                attempt=attempt,
                payload={"n": move.how % 3},
                now=player.now,
            )
        )
    else:
        player.ask(
            c.CancelTrigger(ref=state.ref, visit=state.visit, attempt=attempt, now=player.now)
        )


def _force(player: Player, move: Move) -> None:
    """Let somebody settle a step from outside."""
    steps = player.x.definition.steps
    ref = steps[move.which % len(steps)].ref
    asked = [c.SkipStep, c.CompleteStep, c.FailStep][move.how % 3]
    player.ask(asked(ref=ref, actor="ann", now=player.now))


def _carry_out(player: Player, chore: StartChild | EmitEvent, how: int) -> None:
    """Let a run that a step started end, or a step's event be sent."""
    if isinstance(chore, EmitEvent):
        player.sent(chore, "somebody" if how % 2 else None)
        return
    ends: list[c.ChildStatus] = ["succeeded", "failed", "canceled", "missing"]
    player.plays_child(chore, ends[max(0, how - 6)], {"n": how})


def settle(player: Player, how: int = 0, *, most: int = 2000) -> int:
    """Let everything come to its end: answers as they come, time as it is waited for.

    Returns the number of moves, `most` when the run did not end.
    """
    for count in range(most):
        if player.x.paused:
            player.ask(c.RequestResume())
        player.advance()
        if player.x.is_terminal and not player.x.open:
            return count
        _one_more(player, count, (count * how) % 10)
    return most


def _one_more(player: Player, count: int, how: int) -> None:
    """Let one thing happen that a run waits for: what is in flight first, then time."""
    flights, owed, waits = player.in_flight(), player.owed(), player.waiting()
    if flights:
        _answer(player, flights, Move("answer", count % 3, how))
    elif owed:
        _carry_out(player, owed[0], how)
    elif waits:
        _settle(player, Move("settle", 0, min(how or 1, 8)))
    else:
        player.jump()
        player.advance()
