"""A run as a graph, and the graph as a drawing in Mermaid's language."""

from collections.abc import Iterator
from typing import Final

from mainspring.domain.definition import Definition, Step
from mainspring.domain.execution.state import Execution
from mainspring_api.dialects.native.insight import wire
from mainspring_api.dialects.native.runs.present import TYPES, status, step_run

_ON_FAILURE: Final = {"fail": "fail_workflow"}
_COLOURS: Final = {
    "pending": "fill:#f3f3f3,stroke:#999,color:#333",
    "running": "fill:#dbeafe,stroke:#2563eb,color:#111",
    "waiting": "fill:#fef3c7,stroke:#d97706,color:#111",
    "completed": "fill:#dcfce7,stroke:#16a34a,color:#111",
    "failed": "fill:#fee2e2,stroke:#dc2626,color:#111",
    "skipped": "fill:#f3f3f3,stroke:#999,color:#777,stroke-dasharray:4",
    "canceled": "fill:#e5e5e5,stroke:#555,color:#333",
}


def graph(x: Execution) -> wire.Graph:
    """Return a run's steps and the ways between them."""
    definition = x.definition
    return wire.Graph(
        workflow_run_id=x.id,
        status=status(x),
        nodes=tuple(_node(x, step) for step in definition.steps),
        edges=tuple(edges(definition)),
    )


def _node(x: Execution, step: Step) -> wire.Node:
    now = step_run(x, step)
    return wire.Node(
        step_ref=step.ref,
        step_type=TYPES.get(step.kind, step.kind),
        status=now.status,
        attempt=now.attempt,
        depends_on=tuple(dict.fromkeys(step.needs)),
        on_failure=_ON_FAILURE.get(step.on_failure, step.on_failure),
        conditional=step.when is not None,
    )


def edges(definition: Definition) -> Iterator[wire.Edge]:
    """Yield the ways of a definition, in the order of its steps."""
    for step in definition.steps:
        if definition.planner == "dag":
            for need in dict.fromkeys(step.needs):
                yield wire.Edge(source=need, target=step.ref, kind="needs")
        else:
            yield from _ways(step)


def _ways(step: Step) -> Iterator[wire.Edge]:
    if step.next:
        yield wire.Edge(source=step.ref, target=step.next, kind="next")
    for number, case in enumerate(step.cases):
        label = case.name if case.name is not None else str(number)
        yield wire.Edge(source=step.ref, target=case.target, kind="case", label=label)
    if step.default:
        yield wire.Edge(source=step.ref, target=step.default, kind="default")
    for branch in step.branches:
        yield wire.Edge(source=step.ref, target=branch, kind="branch")


def mermaid(drawn: wire.Graph) -> str:
    """Return a flowchart of a run; steps are numbered, since a ref may be no name in Mermaid."""
    names = {node.step_ref: f"s{number}" for number, node in enumerate(drawn.nodes)}
    lines = ["flowchart TD"]
    for node in drawn.nodes:
        label = f"{_label(node.step_ref)}<br/>{_label(node.step_type)}: {node.status}"
        lines.append(f'    {names[node.step_ref]}["{label}"]:::{node.status}')
    for edge in drawn.edges:
        said = edge.label if edge.label is not None else edge.kind
        arrow = "-->" if edge.kind in ("needs", "next") else f'-->|"{_label(said)}"|'
        lines.append(f"    {names[edge.source]} {arrow} {names[edge.target]}")
    used = dict.fromkeys(node.status for node in drawn.nodes)
    lines += [f"    classDef {status} {_COLOURS[status]}" for status in used]
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    """Return a text that Mermaid shows as it is: all but plain characters by their numbers."""
    return "".join(one if one.isalnum() or one in " _.-/" else f"#{ord(one)};" for one in text)
