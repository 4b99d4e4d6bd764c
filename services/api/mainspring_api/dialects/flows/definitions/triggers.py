"""What starts a flow by itself, as its text declares it: schedules, webhooks, ends of other flows.

What a trigger is to do stands beside its type or under `config`, not in both.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, cast

from msgspec import Meta

from mainspring.domain.calendar import cron_fault, zone_fault
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression.values import kind
from mainspring.domain.inputs import Input, settle
from mainspring.domain.message import Json
from mainspring.domain.starters import LEAST_INTERVAL, Follow, Schedule, Spec, Webhook
from mainspring.http.faults import Faults, item, shown
from mainspring.http.reading import read
from mainspring.runtime.starters import Wanted
from mainspring_api.dialects.flows.definitions.form import Form, Span
from mainspring_api.dialects.flows.definitions.spans import instant_of, positive, seconds

MOST: Final = 100
STATUSES: Final[Mapping[str, str]] = {
    "SUCCESS": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "canceled",
    "TIMED_OUT": "timed_out",
}
"""How flows end, and the engine's words for it."""

Status: TypeAlias = Literal["SUCCESS", "FAILED", "CANCELLED", "TIMED_OUT"]
Method: TypeAlias = Literal["POST", "PUT", "GET", "PATCH", "DELETE"]
_OUTER: Final = ("name", "type", "enabled", "inputs", "config", "description")


class TriggerForm(Form, frozen=True, kw_only=True):
    """What all triggers have."""

    type: str
    name: Annotated[str, Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    enabled: bool = True
    inputs: dict[str, Any] = {}
    description: str = ""


class ScheduleForm(Form, frozen=True, kw_only=True):
    """When a schedule falls due: by a cron pattern, every so often, or once."""

    cron: str | None = None
    interval: Span | None = None
    at: str | None = None
    timezone: str = "UTC"
    catchup: Literal["none", "last", "all"] = "none"
    jitter: Span | None = None
    max_late: Span | None = None


class WebhookForm(Form, frozen=True, kw_only=True):
    """How a webhook is called; without a key it gets one that nobody guesses."""

    key: Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x20\x7f]+$")] = ""
    secret: str | None = None
    header: str | None = None
    methods: Annotated[tuple[Method, ...], Meta(min_length=1, max_length=5)] = ("POST",)
    window: Span = 300.0
    max_bytes: Annotated[int, Meta(ge=1)] | None = None
    mode: Literal["immediate", "wait"] = "immediate"
    wait_seconds: Annotated[float, Meta(gt=0, le=300)] = 30.0


class FollowForm(Form, frozen=True, kw_only=True):
    """Which flow's ends are followed; without statuses all of them."""

    flow: str
    statuses: Annotated[tuple[Status, ...], Meta(max_length=4)] = ()


_FORMS: Final[Mapping[str, type[Form]]] = {
    "schedule": ScheduleForm,
    "webhook": WebhookForm,
    "flow": FollowForm,
}


def triggers_of(
    given: Json, inputs: Sequence[Input], faults: Faults, place: str = "triggers"
) -> tuple[Wanted, ...]:
    """Return the triggers that a flow declares; what is wrong with them is noted."""
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


def _trigger(one: Json, place: str, inputs: Sequence[Input], faults: Faults) -> Wanted | None:
    if not isinstance(one, dict):
        faults.add(place, f"an object is wanted, not {kind(one)}")
        return None
    members = cast("dict[str, Json]", one)
    outer = {key: value for key, value in members.items() if key in _OUTER and key != "config"}
    inner = {key: value for key, value in members.items() if key not in _OUTER}
    head = read(outer, TriggerForm, faults, place)
    config, at = _config(members, inner, place, faults)
    wanted = _FORMS.get(head.type.lower()) if head is not None else None
    if head is not None and wanted is None:
        faults.unknown(f"{place}.type", "type of trigger", head.type, _FORMS)
    form = read(config, wanted, faults, at) if wanted is not None else None
    if head is None or form is None:
        return None
    _check_inputs(head, inputs, place, faults)
    spec = _spec(form, at, faults)
    if spec is None:
        return None
    return Wanted(spec, head.name, head.inputs or None, head.enabled)


def _config(
    members: dict[str, Json], inner: dict[str, Json], place: str, faults: Faults
) -> tuple[Json, str]:
    """Return what a trigger is to do, and where it stands."""
    config = members.get("config")
    if config is None:
        return inner, place
    for key in inner:
        faults.add(f"{place}.{key}", "belongs under config, like the rest")
    return config, f"{place}.config"


def _spec(form: Form, place: str, faults: Faults) -> Spec | None:
    match form:
        case ScheduleForm():
            return _schedule(form, place, faults)
        case WebhookForm():
            return Webhook(
                key=form.key,
                secret=form.secret or None,
                header=form.header,
                methods=form.methods,
                window=positive(form.window, f"{place}.window", faults) or 300.0,
                max_bytes=form.max_bytes,
                mode=form.mode,
                wait_seconds=form.wait_seconds,
            )
        case FollowForm():
            return Follow(
                workflow=form.flow, statuses=tuple(STATUSES[word] for word in form.statuses)
            )
        case _:
            return None


def _schedule(form: ScheduleForm, place: str, faults: Faults) -> Schedule:
    given = [name for name in ("cron", "interval", "at") if getattr(form, name) is not None]
    if len(given) != 1:
        faults.add(place, "needs one of cron, interval and at")
    if form.cron is not None and (fault := cron_fault(form.cron)):
        faults.add(f"{place}.cron", fault)
    if fault := zone_fault(form.timezone):
        faults.add(f"{place}.timezone", fault)
    interval = positive(form.interval, f"{place}.interval", faults)
    if interval is not None and interval < LEAST_INTERVAL:
        faults.add(f"{place}.interval", f"must be {LEAST_INTERVAL:g} second or more")
    return Schedule(
        cron=form.cron,
        interval=interval,
        at=None if form.at is None else instant_of(form.at, f"{place}.at", faults),
        timezone=form.timezone,
        catchup=form.catchup,
        jitter=seconds(form.jitter, f"{place}.jitter", faults) or 0.0,
        max_late=seconds(form.max_late, f"{place}.maxLate", faults),
    )


def _check_inputs(head: TriggerForm, inputs: Sequence[Input], place: str, faults: Faults) -> None:
    """Note what would keep every execution of this trigger from beginning."""
    try:
        settle(inputs, head.inputs)
    except DefinitionInvalid as refused:
        for fault in refused.faults:
            where, _, what = fault.partition(": ")
            faults.add(f"{place}.{where}", what)
