"""What applying a text would change: every field, by its place, in JSON.

Steps and hooks are compared by name, so one that moved is one that moved and not two others.  All
fields count: what would make a version is never told as nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, item
from mainspring_api.dialects.runs import answers
from mainspring_api.dialects.runs.found import Found, hash_of
from mainspring_api.dialects.yamls import read_yaml

MOST: Final = 1000
"""Differences that are told; more of them say no more."""

_NAMED: Final = ("steps", "hooks.on_success", "hooks.on_failure", "hooks.on_finish")


def plan_of(name: str, text: str, data: Json, newest: Found | None, following: int) -> answers.Plan:
    """Return what applying `text` would make of the newest version, if there is one."""
    before: Json = {} if newest is None else read_yaml(newest.text, Faults()).data
    is_same = newest is not None and newest.hash == hash_of(text)
    changes = () if is_same else tuple(_first(_differences(before, data, ""), MOST))
    version = None if newest is None else int(newest.row.version)
    return answers.Plan(
        name=name,
        version=version,
        next_version=version if is_same and version is not None else following,
        changed=not is_same,
        summary=_summary(name, version, changes, is_same=is_same),
        steps=_steps(changes, before, data),
        changes=changes,
    )


def _summary(
    name: str, version: int | None, changes: Sequence[answers.Change], *, is_same: bool
) -> str:
    if is_same:
        return f"no changes: {name} is at version {version}"
    if version is None:
        return f"{name} would be new"
    if not changes:
        return "only comments or layout differ: applying makes a version that does the same"
    counts = {kind: sum(each.kind == kind for each in changes) for kind in _KINDS}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


_KINDS: Final = ("added", "changed", "removed", "moved")


def _first(changes: Iterator[answers.Change], most: int) -> Iterator[answers.Change]:
    for _, change in zip(range(most), changes, strict=False):
        yield change


def _differences(before: Json, after: Json, place: str) -> Iterator[answers.Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_members(
            cast("dict[str, Json]", before), cast("dict[str, Json]", after), place
        )
    elif isinstance(before, list) and isinstance(after, list):
        was, now = cast("list[Json]", before), cast("list[Json]", after)
        if place in _NAMED:
            yield from _of_named(was, now, place)
        else:
            yield from _of_items(was, now, place)
    elif _encoded(before) != _encoded(after):
        yield answers.Change(kind="changed", path=place, before=before, after=after)


def _of_members(
    before: Mapping[str, Json], after: Mapping[str, Json], place: str
) -> Iterator[answers.Change]:
    for name in dict.fromkeys((*before, *after)):
        here = below(place, name)
        if name not in after:
            yield answers.Change(kind="removed", path=here, before=before[name])
        elif name in before:
            yield from _differences(before[name], after[name], here)
        elif here in _NAMED and isinstance(after[name], list):
            yield from _differences([], after[name], here)
        else:
            yield answers.Change(kind="added", path=here, after=after[name])


def _of_items(
    before: Sequence[Json], after: Sequence[Json], place: str
) -> Iterator[answers.Change]:
    for index in range(max(len(before), len(after))):
        here = item(place, index)
        if index >= len(after):
            yield answers.Change(kind="removed", path=here, before=before[index])
        elif index >= len(before):
            yield answers.Change(kind="added", path=here, after=after[index])
        else:
            yield from _differences(before[index], after[index], here)


def _of_named(
    before: Sequence[Json], after: Sequence[Json], place: str
) -> Iterator[answers.Change]:
    was, now = _by_name(before), _by_name(after)
    for name, step in was.items():
        if name not in now:
            yield answers.Change(kind="removed", path=below(place, name), before=step)
    for name, step in now.items():
        here = below(place, name)
        if name in was:
            yield from _differences(was[name], step, here)
        else:
            yield answers.Change(kind="added", path=here, after=step)
    kept_before = [name for name in was if name in now]
    kept_after = [name for name in now if name in was]
    if kept_before != kept_after:
        yield answers.Change(kind="moved", path=place, before=kept_before, after=kept_after)


def _by_name(steps: Sequence[Json]) -> dict[str, Json]:
    named = (cast("dict[str, Any]", step) for step in steps if isinstance(step, dict))
    return {str(step.get("name")): cast("Json", step) for step in named}


def _steps(changes: Sequence[answers.Change], before: Json, after: Json) -> answers.StepChanges:
    was, now = (_by_name(_listed(each)) for each in (before, after))
    differ = [name for name in now if name in was and _encoded(was[name]) != _encoded(now[name])]
    return answers.StepChanges(
        added=tuple(name for name in now if name not in was),
        changed=tuple(differ) if changes else (),
        removed=tuple(name for name in was if name not in now),
    )


def _encoded(value: Json) -> bytes:
    return msgspec.json.encode(value)


def _listed(data: Json) -> list[Json]:
    steps = cast("dict[str, Json]", data).get("steps") if isinstance(data, dict) else None
    return cast("list[Json]", steps) if isinstance(steps, list) else []
