"""Runs as graphs and sentences: every step and every way is there, and any text stays a text."""

from pathlib import Path
from typing import get_args

from hypothesis import given as forall
from hypothesis import strategies as st

from mainspring.domain.execution.explain import explain
from mainspring.domain.message import replace
from mainspring.testing.player import Player
from mainspring.testing.shapes import dag, guard, join, needing, path, split, switch, task
from mainspring.testing.strategies import Life, lives, play
from mainspring_api.dialects.native.insight import graph, present, wire


def shown(*edges: wire.Edge) -> list[tuple[str, str, str, str | None]]:
    return [(edge.source, edge.kind, edge.target, edge.label) for edge in edges]


def test_a_dag_has_an_edge_for_each_need():
    definition = dag(needing("a"), needing("b", "a"), needing("c", "a", "b"))
    assert shown(*graph.edges(definition)) == [
        ("a", "needs", "b", None),
        ("a", "needs", "c", None),
        ("b", "needs", "c", None),
    ]


def test_a_path_has_an_edge_for_each_way():
    definition = path(
        switch("w", (True, "s"), default="z"),
        split("s", "a", "b", join="j"),
        task("a", next="j"),
        task("b", next="j"),
        join("j", next="z"),
        task("z"),
    )
    assert shown(*graph.edges(definition)) == [
        ("w", "case", "s", "0"),
        ("w", "default", "z", None),
        ("s", "branch", "a", None),
        ("s", "branch", "b", None),
        ("a", "next", "j", None),
        ("b", "next", "j", None),
        ("j", "next", "z", None),
    ]


def test_nodes_say_how_their_steps_stand():
    first = replace(needing("a"), on_failure="continue")
    player = Player(dag(first, replace(needing("b", "a"), when=guard(True))))
    player.advance()
    player.answers(player.in_flight()[0].call)
    drawn = graph.graph(player.x)
    assert drawn.status == "running"
    a, b = drawn.nodes
    assert (a.status, a.on_failure, a.conditional) == ("completed", "continue", False)
    assert (b.status, b.on_failure, b.conditional) == ("running", "fail_workflow", True)
    assert (a.step_type, b.depends_on) == ("http", ("a",))


def test_a_drawing_has_all_steps_and_ways():
    player = Player(dag(needing("a"), needing("b", "a")))
    assert graph.mermaid(graph.graph(player.x)).splitlines() == [
        "flowchart TD",
        '    s0["a<br/>http: pending"]:::pending',
        '    s1["b<br/>http: pending"]:::pending',
        "    s0 --> s1",
        "    classDef pending fill:#f3f3f3,stroke:#999,color:#333",
    ]


@forall(st.text(min_size=1, max_size=20))
def test_no_name_of_a_step_breaks_a_drawing(name: str):
    drawn = graph.mermaid(graph.graph(Player(dag(needing(name))).x)).splitlines()
    label = drawn[1].removeprefix('    s0["').removesuffix('<br/>http: pending"]:::pending')
    assert len(drawn) == 3
    assert not set(label) & set("\"'<>[]{}()|`\n&")


@forall(lives())
def test_every_reason_has_a_sentence_and_every_status_a_word(life: Life):
    player = play(life)
    for x in (*(decision.before for decision in player.decisions[1:]), player.x):
        told = present.explanation(x, explain(x))
        assert told.text
        assert all(step.text and step.waiting_for for step in told.steps)
        assert {node.step_ref for node in graph.graph(x).nodes} == {*x.definition.by_ref}
        assert graph.mermaid(graph.graph(x)).startswith("flowchart")


def test_the_page_names_every_reason():
    page = Path(__file__).parents[3].joinpath("docs/native.md").read_text()
    part = page.partition("## Why a run is where it is")[2]
    assert [word for word in get_args(wire.WaitingFor) if f"| `{word}` |" not in part] == []
