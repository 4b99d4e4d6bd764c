"""What the fold keeps of a dag's steps says no more and no less than their states do."""

from hypothesis import given, settings

from mainspring.domain.definition import Definition
from mainspring.domain.execution.front import Front
from mainspring.domain.execution.standing import is_blocked, is_pending, is_settled, needs
from mainspring.domain.execution.state import Execution
from mainspring.domain.graph import Node, graph_of, members, union
from mainspring.testing.shapes import dag, needing
from mainspring.testing.spec import advance, answers
from mainspring.testing.spec import given as begun
from mainspring.testing.strategies import Life, lives, play


def seen(x: Execution) -> Front:
    """The same sets, by asking every step."""
    form = x.definition
    planned = [*form.work, *form.epilogue]
    if form.planner == "path" and not form.epilogue:
        planned = []
    states = {step.ref: x.of(step.ref) for step in planned}
    odd = {r for r, s in states.items() if s is not None and s.status in ("failed", "skipped")}

    def ranks(refs: set[str]) -> int:
        return union(1 << form.graph.ranks[ref] for ref in refs)

    return Front(
        begun=ranks({ref for ref in states if not is_pending(x, ref)}),
        settled=ranks({ref for ref in states if is_settled(x, ref)}),
        freed=ranks({s.ref for s in planned if needs(x, s) and not is_blocked(x, s)}),
        failed=ranks(
            {
                step.ref
                for step in planned
                if (state := states[step.ref]) is not None
                and state.status == "failed"
                and step.on_failure != "continue"
            }
        ),
        odd=ranks(odd),
        wary=ranks({step.ref for step in planned if odd.intersection(needs(x, step))}),
    )


@settings(max_examples=60)
@given(lives())
def test_every_state_of_a_life_has_the_front_that_its_steps_make(life: Life):
    for decision in play(life).decisions:
        assert decision.before.front == seen(decision.before)


def chain(length: int) -> Definition:
    return dag(*(needing(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(length)))


def test_a_chain_has_one_step_ready_at_a_time():
    spec = begun(chain(50)).when(advance())
    for n in range(49):
        assert not spec.state.front.ready(spec.state.definition.graph)  # it has begun already
        spec = spec.when(answers(f"s{n}"))
        assert spec.state.front.begun == (1 << n + 2) - 1
    spec.when(answers("s49")).then_is("succeeded", result="s49")


def test_needs_across_the_end_of_the_work_hold_nothing_back():
    graph = graph_of([Node("a", (), ()), Node("z", ("a",), ("failed",))])
    assert (graph.roots, graph.work, graph.epilogue) == (0b11, 0b01, 0b10)
    assert graph.told == {"failed": 0b10}


def test_members_come_lowest_first():
    assert list(members(1 << 900 | 0b1010)) == [1, 3, 900]
