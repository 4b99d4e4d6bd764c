"""What starts a workflow by itself: its cron patterns and webhooks, looked at when it is stored."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast

from mainspring.domain.calendar import cron_fault, zone_fault
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression.values import kind
from mainspring.domain.inputs import Input, settle
from mainspring.domain.message import Json
from mainspring.domain.starters import Schedule, Webhook, plain_path
from mainspring.http.faults import Faults, item, shown
from mainspring.http.reading import read
from mainspring.runtime.beginnings import ENVIRONMENT, PREFIX
from mainspring_api.dialects.runs import wire

_FORMS: Final[Mapping[str, type[wire.Trigger]]] = {"cron": wire.Cron, "webhook": wire.Webhook}
_NAMED: Final = re.compile(r"\{\{\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_NO_EMAIL: Final = "this server reads no mail: post to a webhook instead"


class Starts(NamedTuple):
    """One trigger: where it stands, what it is called, when it starts a run, and with what."""

    place: str
    name: str
    spec: Schedule | Webhook
    inputs: Mapping[str, Json]


def triggers_of(
    listed: Sequence[Json], inputs: Sequence[Input] | None, place: str, faults: Faults
) -> list[Starts]:
    """Return what starts a workflow; `inputs` are those that it declares, if they are known."""
    found: list[Starts] = []
    paths: dict[str, str] = {}
    for index, value in enumerate(listed):
        at = item(place, index)
        trigger = _read(value, at, faults)
        if trigger is None:
            continue
        if isinstance(trigger, wire.Cron):
            spec: Schedule | Webhook = _schedule(trigger, at, faults)
        else:
            secret = _secret(trigger.secret, f"{at}.secret", faults)
            spec = Webhook(path=plain_path(trigger.path), secret=secret)
            if (first := paths.setdefault(spec.path, at)) != at:
                faults.add(f"{at}.path", f"is that of {first} too")
        _check_inputs(trigger, inputs, at, faults)
        found.append(Starts(at, _name(spec, found), spec, trigger.inputs))
    return found


def _read(value: Json, place: str, faults: Faults) -> wire.Trigger | None:
    if not isinstance(value, dict):
        faults.add(place, f"an object is wanted, not {kind(value)}")
        return None
    named = cast("dict[str, Json]", value).get("type")
    wanted = _FORMS.get(named) if isinstance(named, str) else None
    if wanted is not None:
        return read(cast("Json", value), wanted, faults, place)
    if named == "email":
        faults.add(f"{place}.type", _NO_EMAIL)
    elif isinstance(named, str):
        hint = faults.hint(named, _FORMS)
        faults.add(f"{place}.type", f'"{shown(named)}" is not one of cron, webhook{hint}')
    else:
        faults.add(f"{place}.type", "is missing: one of cron, webhook")
    return None


def _schedule(trigger: wire.Cron, place: str, faults: Faults) -> Schedule:
    fault = cron_fault(trigger.schedule)
    if fault is not None:
        faults.add(f"{place}.schedule", fault)
    zone = trigger.timezone or "UTC"
    fault = zone_fault(zone)
    if fault is not None:
        faults.add(f"{place}.timezone", fault)
    return Schedule(cron=trigger.schedule, timezone=zone)


def _secret(text: str | None, place: str, faults: Faults) -> str | None:
    """Return the secret itself; where it is only named, who reads the text does not have it."""
    if text is None or "{{" not in text:
        return text
    named = _NAMED.fullmatch(text.strip())
    if named is None:
        faults.add(place, "is written out, or is one variable: {{ env.NAME }}")
        return None
    if not ENVIRONMENT.get(named[1]):
        faults.add(place, f"{PREFIX}{named[1]} is not set on this server")
    return ENVIRONMENT.get(named[1])


def _check_inputs(
    trigger: wire.Trigger, inputs: Sequence[Input] | None, place: str, faults: Faults
) -> None:
    """Note what would keep every run of this trigger from beginning."""
    if inputs is None:
        return
    try:
        settle(inputs, trigger.inputs)
    except DefinitionInvalid as refused:
        for fault in refused.faults:
            where, _, what = fault.partition(": ")
            faults.add(f"{place}.{where}", what)


def _name(spec: Schedule | Webhook, before: Sequence[Starts]) -> str:
    """Return a name that stays when other triggers come and go: what it is, and which of those."""
    plain = spec.path if isinstance(spec, Webhook) else f"{spec.cron} {spec.timezone}"
    names = {each.name for each in before}
    number = 1
    while (name := plain if number == 1 else f"{plain} #{number}") in names:
        number += 1
    return name
