"""Snapshots: a cache that gives back what was put in, or nothing."""

from mainspring.domain.definition import Definition, Request, Retry, Step
from mainspring.domain.execution import commands as c
from mainspring.domain.execution import events as e
from mainspring.domain.execution import snapshot
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.evolve import fold
from mainspring.domain.execution.state import Execution, absent
from mainspring.domain.task import CallId, Exchange, Finished

CALL = Request(url="http://peer/")
DEFINITION = Definition(
    name="fork",
    version="v1",
    planner="path",
    entrypoint="first",
    retry=Retry(retries=1, delay=0.5),
    steps=(
        Step(ref="first", request=CALL, compensation=CALL, next="fork"),
        Step(ref="fork", kind="split", branches=("left", "right"), join="meet"),
        Step(ref="left", request=CALL, next="meet"),
        Step(ref="right", kind="sleep", duration=5.0, next="meet"),
        Step(ref="meet", kind="join"),
    ),
)
RUN = "0190f3b2-0000-7000-8000-000000000001"


def state() -> Execution:
    requested = e.ExecutionRequested(
        definition=DEFINITION.hash, name="fork", version="v1", dialect="sagas", at=1.0
    )
    x = fold(absent(RUN, DEFINITION), [requested])
    x = fold(x, decide(c.Advance(now=2.0, seed="s"), x))
    exchange = Exchange(verb="POST", url="http://peer/", started_at=2.0, latency=0.1, status=200)
    report = Finished(call=CallId(RUN, "first"), exchange=exchange)
    return fold(x, decide(c.RecordReport(report=report, now=3.0, seed="s"), x))


def test_what_was_frozen_thaws_to_the_same_state() -> None:
    x = state()
    assert snapshot.thaw(snapshot.freeze(x), DEFINITION) == x


def test_a_thawed_state_decides_as_the_original_would() -> None:
    x = state()
    thawed = snapshot.thaw(snapshot.freeze(x), DEFINITION)
    assert thawed is not None
    command = c.Advance(now=9.0, seed="t")
    assert decide(command, thawed) == decide(command, x)


def test_a_snapshot_of_other_code_is_not_read() -> None:
    data = snapshot.freeze(state())
    assert snapshot.thaw(bytes(32) + data[32:], DEFINITION) is None
    assert snapshot.thaw(data[:40], DEFINITION) is None
    assert snapshot.definition_of(b"") is None


def test_snapshots_are_taken_when_a_history_has_doubled() -> None:
    taken = [v for v in range(1, 3000) if snapshot.is_due(v - 1, v)]
    assert taken == [256, 512, 1024, 2048]
