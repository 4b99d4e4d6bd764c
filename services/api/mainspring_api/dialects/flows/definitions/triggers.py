"""What starts a flow by itself: as its text declares it, and as a document brings it.

What a trigger is to do stands beside its type or under `config`, not in both.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, cast

from msgspec import Meta

from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression.values import kind
from mainspring.domain.inputs import Input, settle
from mainspring.domain.message import Json
from mainspring.domain.starters import Spec, Webhook
from mainspring.http.faults import Faults, item, shown
from mainspring.http.reading import read
from mainspring.runtime.starters import Wanted
from mainspring_api.dialects.flows.definitions.form import Form
from mainspring_api.dialects.starters.reading import config_of, spec_of

MOST: Final = 100
KINDS: Final = ("schedule", "webhook", "flow")
_OUTER: Final = ("name", "type", "enabled", "inputs", "config", "description")
_CONFIG: Final = "config"


class TriggerForm(Form, frozen=True, kw_only=True):
    """What all triggers have."""

    type: str
    name: Annotated[str, Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    enabled: bool = True
    inputs: dict[str, Any] = {}
    description: str = ""


def triggers_of(
    given: Json, inputs: Sequence[Input] | None, faults: Faults, place: str = "triggers"
) -> tuple[Wanted, ...]:
    """Return triggers as they are written; what is wrong with them is noted.

    `inputs` are those that the flow declares, None where they are not known.
    """
    if given is None:
        return ()
    if not isinstance(given, list):
        faults.add(place, f"a list of triggers is wanted, not {kind(given)}")
        return ()
    listed = cast("list[Json]", given)
    if len(listed) > MOST:
        faults.add(place, f"has more than {MOST} items")
    found: list[Wanted] = []
    for index, one in enumerate(listed[:MOST]):
        wanted = _trigger(one, item(place, index), inputs, faults)
        if wanted is not None:
            _check_twice(wanted, found, item(place, index), faults)
            found.append(wanted)
    return tuple(found)


def _check_twice(wanted: Wanted, found: Sequence[Wanted], place: str, faults: Faults) -> None:
    if wanted.name and any(each.name == wanted.name for each in found):
        faults.add(f"{place}.name", f'"{shown(wanted.name)}" is that of another trigger too')
    keys = [each.spec.key for each in found if isinstance(each.spec, Webhook)]
    if isinstance(wanted.spec, Webhook) and wanted.spec.key and wanted.spec.key in keys:
        faults.add(f"{place}.key", "is that of another trigger too")


def _trigger(
    one: Json, place: str, inputs: Sequence[Input] | None, faults: Faults
) -> Wanted | None:
    if not isinstance(one, dict):
        faults.add(place, f"an object is wanted, not {kind(one)}")
        return None
    members = cast("dict[str, Json]", one)
    outer = {key: value for key, value in members.items() if key in _OUTER and key != _CONFIG}
    head = read(outer, TriggerForm, faults, place)
    if head is None:
        return None
    if head.type not in KINDS:
        faults.unknown(f"{place}.type", "type of trigger", head.type, KINDS)
        return None
    spec = _spec(head.type, members, place, faults)
    if inputs is not None:
        _check_inputs(head, inputs, place, faults)
    return None if spec is None else Wanted(spec, head.name, head.inputs or None, head.enabled)


def _spec(kind_: str, members: dict[str, Json], place: str, faults: Faults) -> Spec | None:
    """Return what a trigger is to do; faults are told where it stands."""
    config = members.get(_CONFIG)
    beside = {key: value for key, value in members.items() if key not in _OUTER}
    if config is not None:
        for key in beside:
            faults.add(f"{place}.{key}", "belongs under config, like the rest")
        if not isinstance(config, dict):
            faults.add(f"{place}.{_CONFIG}", f"an object is wanted, not {kind(config)}")
            return None
    inner = Faults()
    given = beside if config is None else cast("dict[str, Json]", config)
    spec = spec_of(kind_, given, inner)
    for fault in inner.all():
        at, _, text = fault.partition(": ")
        below = at.removeprefix(_CONFIG)
        faults.add(f"{place}{below}" if config is None else f"{place}.{_CONFIG}{below}", text)
    return spec


def _check_inputs(head: TriggerForm, inputs: Sequence[Input], place: str, faults: Faults) -> None:
    """Note what would keep every execution of this trigger from beginning."""
    try:
        settle(inputs, head.inputs)
    except DefinitionInvalid as refused:
        for fault in refused.faults:
            where, _, what = fault.partition(": ")
            faults.add(f"{place}.{where}", what)


def told(spec: Spec) -> dict[str, Json]:
    """Return what a trigger is to do; of a secret there are asterisks, which let nobody in."""
    return {key: value for key, value in config_of(spec).items() if key != "key"}
