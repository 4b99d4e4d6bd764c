"""From what was sent to what a starter is told: all faults at once, each with its place."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, cast

import msgspec

from mainspring.domain import starters as s
from mainspring.domain.durations import duration
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.message import Json
from mainspring.domain.starter_faults import ONE_OF, faults_of
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import shown as shown_at
from mainspring.http.reading import read
from mainspring.ports import DefinitionDetail
from mainspring.runtime.beginnings import payload_of
from mainspring_api.context import Api
from mainspring_api.dialects.starters import wire

MASK: Final = "********"
_WHEN: Final = frozenset(("cron", "interval", "at"))

_CONFIGS: Final[Mapping[str, type[wire.Config]]] = {
    "schedule": wire.ScheduleConfig,
    "webhook": wire.WebhookConfig,
    "flow": wire.FlowConfig,
}


def inward(sent: Mapping[str, Json], faults: Faults) -> dict[str, Json]:
    """Return what was sent with its inputs in one place: they may stand in `config` as well."""
    config = sent.get("config")
    if not isinstance(config, dict) or "inputs" not in config:
        return dict(sent)
    rest = dict(cast("dict[str, Json]", config))
    inputs = rest.pop("inputs")
    if sent.get("inputs") is not None:
        faults.add("config.inputs", "are there twice: beside config too")
    return {**sent, "config": rest, "inputs": inputs}


def spec_of(
    kind: str, config: Mapping[str, Json], faults: Faults, before: s.Spec | None = None
) -> s.Spec | None:
    """Return what a starter is told; None when it cannot be read.  `before` is what it was told."""
    form, given = _CONFIGS[kind], dict(config)
    found = read(given, form, faults, "config")
    unread = set[str]()
    if found is None:
        # The rest is looked at all the same, so that all faults are told at once.
        unread = {name for name in given if read({name: given[name]}, form, Faults()) is None}
        found = read({name: given[name] for name in given.keys() - unread}, form, Faults())
        if found is None:
            return None
    spec = _spec(found, before, faults)
    for field, fault in faults_of(spec):
        if field not in unread and not (unread & _WHEN and fault == ONE_OF):
            faults.add(f"config.{field}", fault)
    return None if unread else spec


def _spec(config: wire.Config, before: s.Spec | None, faults: Faults) -> s.Spec:
    match config:
        case wire.ScheduleConfig():
            return s.Schedule(
                cron=config.cron,
                interval=_span(config.interval, "interval", faults),
                at=instant(config.at, "config.at", faults),
                timezone=config.timezone,
                catchup=config.catchup,
                jitter=_span(config.jitter, "jitter", faults) or 0.0,
                max_late=_span(config.max_late, "maxLate", faults),
            )
        case wire.WebhookConfig():
            return _webhook(config, before, faults)
        case wire.FlowConfig():
            if config.flow_id is not None and config.flow is not None:
                faults.add("config.flow", "is there twice: as flowId too")
            named = config.flow_id or config.flow or ""
            return s.Follow(workflow=named, statuses=_statuses(config.statuses, faults))


def _webhook(config: wire.WebhookConfig, before: s.Spec | None, faults: Faults) -> s.Webhook:
    old = before if isinstance(before, s.Webhook) else s.Webhook()
    signed = _hmac(config.hmac, old)
    if config.hmac is None and config.secret == MASK and _secret(MASK, old) is None:
        # There was a secret where it comes from: until it is set here, nobody is let in.
        signed = s.Hmac(header=config.header)
    is_usual = config.hmac is not None or signed is None
    return s.Webhook(
        key=config.key or ("" if config.path else old.key),
        path=_path(config, old),
        methods=tuple(method.upper() for method in config.methods),
        secret=_secret(config.secret, old) if is_usual else None,
        header=config.header if is_usual else None,
        window=_span(config.window, "window", faults) or 0.0,
        max_bytes=config.max_bytes,
        mode=_mode(config, faults),
        wait_seconds=config.wait_seconds,
        hmac=signed,
        conditions=config.conditions,
    )


def _hmac(config: wire.HmacConfig | None, old: s.Webhook) -> s.Hmac | None:
    if config is None:
        return None
    return s.Hmac(
        secret=_secret(config.secret, old),
        header=config.header,
        algorithm=config.algorithm,
        encoding=config.encoding,
        prefix=config.prefix,
    )


def _secret(given: str | None, old: s.Webhook) -> str | None:
    """Return what is to be the secret: asterisks stand for the one that there is."""
    if given != MASK:
        return given
    return old.secret if old.hmac is None else old.hmac.secret


def _mode(config: wire.WebhookConfig, faults: Faults) -> Literal["immediate", "wait"]:
    if config.response_mode is not None and config.mode not in ("immediate", config.response_mode):
        faults.add("config.responseMode", "is another one than mode")
    return config.response_mode or config.mode


def _path(config: wire.WebhookConfig, old: s.Webhook) -> str:
    """Return the path of a webhook; told neither key nor path it keeps what it has."""
    if config.path is None:
        return "" if config.key else old.path
    return s.plain_path(config.path)


def _statuses(words: tuple[str, ...], faults: Faults) -> tuple[str, ...]:
    for index, word in enumerate(words):
        if word.lower() not in s.ENDS:
            known = "SUCCESS, FAILED, CANCELLED, TIMED_OUT"
            faults.add(f"config.statuses[{index}]", f'"{shown(word)}" is none of {known}')
    return s.ends_of(words)


def _span(given: wire.Span | None, name: str, faults: Faults) -> float | None:
    if given is None:
        return None
    found = duration(given)
    if found is None:
        faults.add(f"config.{name}", "must be seconds, or a duration such as 90s, 1h30m or PT1H")
        # What is wrong with it has been told: it is not to be told again as a number.
        return 60.0
    return found


def instant(text: str | None, place: str, faults: Faults) -> float | None:
    """Return an instant in seconds; one that is none is noted."""
    if text is None:
        return None
    try:
        at = msgspec.convert(text.replace(" ", "+"), datetime)
        if at.tzinfo is not None:
            return at.timestamp()
    except (msgspec.ValidationError, OverflowError, ValueError):
        pass
    faults.add(place, "must be an instant with its zone, such as 2026-03-29T02:30:00Z")
    return None


async def check_inputs(api: Api, newest: DefinitionDetail, inputs: Json, faults: Faults) -> None:
    """Note what would keep every run from beginning."""
    most = api.config.max_payload_bytes
    if len(msgspec.json.encode(inputs)) > most:
        faults.add("inputs", f"are larger than {most} bytes")
        return
    try:
        definition = await api.engine.compiled(newest.row.compiled)
        payload_of(definition, newest.row.dialect, inputs)
    except DefinitionInvalid as refused:
        for fault in refused.faults:
            place, _, text = fault.partition(": ")
            faults.add(place, text)


def config_of(spec: s.Spec) -> dict[str, Json]:
    """Return what a starter was told as clients read it: no secret is shown."""
    match spec:
        case s.Schedule():
            found: dict[str, Json] = {
                "cron": spec.cron,
                "interval": spec.interval,
                "at": shown_at(spec.at),
                "timezone": spec.timezone,
                "catchup": spec.catchup,
                "jitter": spec.jitter or None,
                "maxLate": spec.max_late,
            }
        case s.Webhook():
            found = {
                "key": spec.key or None,
                "path": spec.path or None,
                "methods": spec.methods,
                "secret": None if spec.secret is None else MASK,
                "header": spec.header,
                "window": spec.window,
                "maxBytes": spec.max_bytes,
                "mode": spec.mode,
                "waitSeconds": spec.wait_seconds,
                "hmac": None if spec.hmac is None else _shown_hmac(spec.hmac),
                "conditions": spec.conditions or None,
            }
        case s.Follow():
            words = dict.fromkeys(s.word_of("flows", status) for status in spec.statuses)
            found = {"flowId": spec.workflow, "statuses": list(words)}
    return {name: value for name, value in found.items() if value is not None}


def _shown_hmac(told: s.Hmac) -> dict[str, Json]:
    return {
        "secret": MASK,
        **({} if told.header is None else {"header": told.header}),
        "algorithm": told.algorithm,
        "encoding": told.encoding,
        "prefix": told.before,
    }
