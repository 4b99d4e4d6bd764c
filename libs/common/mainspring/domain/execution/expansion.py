"""The steps that a run gets as it goes: those of an `each`, once for every item.

The instance of a step `s` for item 3 of the step `all` is the step `all[3].s`, a step like any
other: it has a state, a row, attempts, a place in the graph.  So the definition of a run grows by
them as the run comes to know its items, from the event alone.  What is computed from a definition
is carried over and added to, or a run of many loops would compute it anew for each.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from mainspring.domain.definition import Definition, Each, Step
from mainspring.domain.message import replace

DEEPEST: Final = 3
"""How many loops may stand within each other."""

MOST_ITEMS: Final = 10_000
MOST_STEPS: Final = 100_000
"""Steps that a run may grow to."""


class Place(NamedTuple):
    """Where an instance stands: in which loop, for which item, as which of its steps."""

    loop: str
    number: int
    name: str


def place_of(ref: str) -> Place | None:
    """Return where an instance stands, None for a step of the definition itself."""
    group, _, name = ref.rpartition("].")
    loop, _, index = group.rpartition("[")
    return Place(loop, int(index), name) if loop and index.isdecimal() else None


def within(ref: str) -> Iterator[Place]:
    """Yield the places of a step, from that in the innermost loop outwards."""
    place = place_of(ref)
    while place is not None:
        yield place
        place = place_of(place.loop)


def instance(loop: str, index: int, name: str) -> str:
    """Return the ref of a step for one item of a loop."""
    return f"{loop}[{index}].{name}"


def resolved(definition: Definition, name: str, seen_from: str) -> str:
    """Return the step that a name means for a step: one of its own item's goes first."""
    for place in within(seen_from):
        sibling = instance(place.loop, place.number, name)
        if sibling in definition.by_ref:
            return sibling
    return name


def is_inside(ref: str, loop: str) -> bool:
    """Say whether a step is an instance within a loop, at any depth."""
    return ref.startswith(f"{loop}[")


def expanded(definition: Definition, loop: str, count: int) -> Definition:
    """Return a definition with the steps of at least `count` items of a loop.

    None is ever taken away: what was done for an item may have to be undone when the loop is done
    again and has fewer.  A loop that the definition does not have adds nothing.
    """
    step = definition.by_ref.get(loop)
    if step is None or step.each is None or not step.each.steps:
        return definition
    first = step.each.steps[0].ref
    begun = 0
    if instance(loop, 0, first) in definition.by_ref:
        begun = next(n for n in range(MOST_STEPS) if not _has(definition, loop, n, first))
    return _grown(definition, step, step.each, range(begun, count)) if count > begun else definition


def _has(definition: Definition, loop: str, number: int, name: str) -> bool:
    return instance(loop, number, name) in definition.by_ref


def _grown(definition: Definition, loop: Step, each: Each, numbers: range) -> Definition:
    added = tuple(_instances(loop, each, numbers))
    inner = replace(definition, steps=each.steps)
    return _carried(
        replace(definition, steps=(*definition.steps, *added)),
        by_ref=definition.by_ref | {step.ref: step for step in added},
        work=definition.work,
        epilogue=definition.epilogue,
        graph=definition.graph,
        dependants=definition.dependants
        | {
            instance(loop.ref, n, name): tuple(instance(loop.ref, n, one) for one in below)
            for name, below in inner.dependants.items()
            for n in numbers
        },
        names=definition.names
        | {
            (instance(loop.ref, n, ref), phase): paths
            for (ref, phase), paths in inner.names.items()
            if ref in inner.by_ref
            for n in numbers
        },
    )


def _instances(loop: Step, each: Each, numbers: range) -> Iterator[Step]:
    names = {step.ref for step in each.steps}
    for n in numbers:

        def of_item(refs: tuple[str, ...], n: int = n) -> tuple[str, ...]:
            return tuple(instance(loop.ref, n, ref) for ref in refs if ref in names)

        for step in each.steps:
            yield replace(
                step,
                ref=instance(loop.ref, n, step.ref),
                needs=of_item(step.needs),
                awaits=of_item(step.awaits),
                joins={name: of_item(refs) for name, refs in step.joins.items()},
                after=loop.after,
                next=None,
            )


def _carried(definition: Definition, **computed: object) -> Definition:
    """Return a definition that knows already what follows from its steps."""
    cast("dict[str, object]", vars(definition)).update(computed)
    return definition
