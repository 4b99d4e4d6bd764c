"""The shape of a graph: branches, joins, cycles, and nodes that nothing leads to."""

from typing import Any

import pytest

from mainspring.domain.errors import DefinitionInvalid
from mainspring.testing.sagas import Json, call, graph, join, split, switch, task
from mainspring_api.dialects.sagas.compile import compile_definition


def faults_of(source: Any) -> list[str]:
    with pytest.raises(DefinitionInvalid) as caught:
        compile_definition(source)
    return list(caught.value.faults)


def test_branches_may_end_by_themselves_or_at_their_join() -> None:
    compiled = compile_definition(
        graph(
            split("s", "j", "a", "b"),
            task("a", "j"),
            switch("b", "c", ({"var": "payload.x"}, "j")),
            task("c"),
            join("j", "end", onBranchFailure="continue"),
            task("end"),
        )
    )
    assert compiled.by_ref["j"].on_branch_failure == "continue"
    assert compiled.split_of == {"j": "s"}


def test_splits_may_be_nested() -> None:
    compile_definition(
        graph(
            split("s", "j", "a", "t"),
            task("a", "j"),
            split("t", "k", "b", "c"),
            task("b", "k"),
            task("c", "k"),
            join("k", "d"),
            task("d", "j"),
            join("j"),
        )
    )


@pytest.mark.parametrize(
    ("nodes", "fault"),
    [
        (
            [split("s", "j", "a", "b"), task("a", "b"), task("b", "j"), join("j")],
            'nodes[1].next: "b" belongs to branch 1 of "s" and is reached from branch 0 of "s"',
        ),
        (
            [split("s", "j", "a", "b"), task("a", "e"), task("b"), join("j", "e"), task("e")],
            '"e" belongs to ',
        ),
        (
            [task("z", "j"), split("s", "j", "a", "b"), task("a"), task("b"), join("j")],
            'nodes[0].next: "j" is the join of "s": only its branches may lead to it',
        ),
        (
            [
                split("s", "j", "a", "t"),
                task("a", "j"),
                split("t", "j", "b", "c"),
                task("b"),
                task("c"),
                join("j"),
            ],
            'nodes[2].join: "j" is the join of "s" already',
        ),
        ([split("s", "j", "a", "j"), task("a"), join("j")], 'nodes[0].branches[1]: "j" is a join'),
        ([split("s", "a", "a", "b"), task("a"), task("b")], 'nodes[0].join: "a" is no join, but a'),
        ([split("s", "j", "a", "a"), task("a"), join("j")], 'nodes[0].branches[1]: "a" is a bran'),
        ([split("s", "j", "a"), task("a"), join("j")], "nodes[0].branches: needs at least 2"),
        ([task("a"), join("j")], 'nodes[1]: no split has "j" as its join'),
        ([task("a"), task("b")], 'nodes[1]: "b" cannot be reached from the entrypoint'),
        ([join("j")], 'nodes[0]: no split has "j"'),
    ],
)
def test_a_graph_of_a_wrong_shape_is_refused(nodes: list[Json], fault: str) -> None:
    found = faults_of(graph(*nodes))
    assert any(fault in each for each in found), found


def test_cycles_are_allowed_where_nothing_is_undone() -> None:
    compile_definition(
        graph(task("a", "again"), switch("again", "end", ({"var": "payload.x"}, "a")), task("end"))
    )


def test_a_cycle_and_a_compensation_exclude_each_other() -> None:
    found = faults_of(
        graph(
            task("a", "again", compensation=call()),
            switch("again", "end", ({"var": "payload.x"}, "a")),
            task("end"),
        )
    )
    (fault,) = found
    assert fault.startswith("nodes[0].compensation: is not allowed where the graph has a cycle (")
    assert "a → again" in fault
