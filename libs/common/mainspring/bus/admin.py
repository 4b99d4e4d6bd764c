"""Streams and consumers, made when they are missing, and noticed when they were lost.

A stream that is there may yet be another one than before: after the store was wiped the first
service to come back makes all streams anew, and the others find nothing missing.  So the instant
of making, which the server keeps with each stream and consumer, is its identity here.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from mainspring.bus.link import Link
from mainspring.bus.plans import DUPLICATE_WINDOW, MAX_ACK_PENDING, MAX_MESSAGE, StreamPlan
from mainspring.domain.errors import BusUnavailable

STREAM_MISSING = 10059
CONSUMER_MISSING = 10014
CONSUMER_EXISTS = 10148
CONSUMER_NAME_IN_USE = 10013
STREAM_NAME_IN_USE = 10058

_NOT_OURS = ("num_replicas", "storage")  # an operator may have chosen otherwise


class ApiRefused(BusUnavailable):
    """JetStream answered with an error."""

    def __init__(self, subject: str, code: int, text: str) -> None:
        super().__init__(f"{subject}: {text} ({code})")
        self.error = code


class Ensured(msgspec.Struct, frozen=True):
    """What had to be done: `made` anything, `lost` something that had been there or is empty."""

    made: bool = False
    lost: bool = False

    def __or__(self, other: "Ensured") -> "Ensured":
        return Ensured(self.made or other.made, self.lost or other.lost)


class Admin:
    """The broker's streams and consumers, kept as planned."""

    def __init__(self, link: Link, streams: Mapping[str, StreamPlan]) -> None:
        self._link = link
        self._streams = streams
        self._consumers: dict[tuple[str, str], tuple[str, ...]] = {}
        self._incarnations: dict[str, str] = {}
        self._server_time = ""

    def incarnation(self, stream: str) -> str:
        """Return which making of a stream this is, "" when none was seen."""
        return self._incarnations.get(stream, "")

    def plan_consumer(self, stream: str, durable: str, subjects: Sequence[str]) -> None:
        """Have a consumer from the next `ensure` on."""
        self._consumers[stream, durable] = tuple(subjects)

    async def ensure(self) -> Ensured:
        """Make what is missing; raise `BusUnavailable`.  One after the other: it is rare."""
        done = Ensured()
        for name, plan in self._streams.items():
            done |= await self._stream(name, plan)
        for (stream, durable), subjects in list(self._consumers.items()):
            done |= await self._consumer(stream, durable, subjects)
        return done

    async def _stream(self, name: str, plan: StreamPlan) -> Ensured:
        wanted = stream_config(name, plan)
        info, made = await self._find_or_make(
            f"STREAM.INFO.{name}", f"STREAM.CREATE.{name}", wanted, STREAM_MISSING
        )
        self._server_time = info.get("ts", "")
        drift = _drift(info["config"], wanted)
        if drift:
            await self._call(f"STREAM.UPDATE.{name}", info["config"] | drift)
        changed = self._note(name, info)
        # A stream that was made just now is empty, whether or not this process knew it before.
        return Ensured(made=made or changed, lost=made or changed)

    async def _consumer(self, stream: str, durable: str, subjects: tuple[str, ...]) -> Ensured:
        make = f"CONSUMER.CREATE.{stream}.{durable}"
        wanted = consumer_config(durable, subjects, self._streams[stream], self._server_time)
        body = {"stream_name": stream, "config": wanted, "action": "create"}
        info, made = await self._find_or_make(
            f"CONSUMER.INFO.{stream}.{durable}", make, body, CONSUMER_MISSING
        )
        start = {"deliver_policy", "opt_start_time"}  # where it began is a fact, not a wish
        have = _without_single_filter(info["config"])
        drift = {k: v for k, v in _drift(have, wanted).items() if k not in start}
        if drift:
            await self._call(make, body | {"config": have | drift, "action": "update"})
        changed = self._note(f"{stream}.{durable}", info)
        # Nobody has read the queue before: where another service made the stream, nothing else
        # tells a process that it begins with a store that was lost.
        return Ensured(made=made or changed, lost=made or changed)

    async def _find_or_make(
        self, find: str, make: str, config: dict[str, Any], missing: int
    ) -> tuple[dict[str, Any], bool]:
        try:
            return await self._call(find), False
        except ApiRefused as error:
            if error.error != missing:
                raise
        try:
            return await self._call(make, config), True
        except ApiRefused as error:
            # Another replica was first, with another beginning or an older plan.
            if error.error not in (CONSUMER_EXISTS, CONSUMER_NAME_IN_USE, STREAM_NAME_IN_USE):
                raise
            return await self._call(find), True

    def _note(self, key: str, info: dict[str, Any]) -> bool:
        """Remember an incarnation; True when another one was known."""
        before = self._incarnations.get(key)
        self._incarnations[key] = info["created"]
        return before is not None and before != info["created"]

    async def _call(self, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        subject = f"$JS.API.{verb}"
        data = msgspec.json.encode(body) if body is not None else b""
        answer = cast(
            "dict[str, Any]", msgspec.json.decode(await self._link.request(subject, data))
        )
        if "error" in answer:
            error = answer["error"]
            raise ApiRefused(verb, error.get("err_code", 0), error.get("description", ""))
        return answer


def stream_config(name: str, plan: StreamPlan) -> dict[str, Any]:
    """Return a stream as the API spells it."""
    return {
        "name": name,
        "subjects": list(plan.subjects),
        "retention": "workqueue" if plan.work_queue else "limits",
        "discard": "new" if plan.work_queue else "old",
        "max_bytes": plan.max_bytes,
        "max_age": _nanoseconds(plan.max_age),
        "max_msg_size": MAX_MESSAGE,
        "duplicate_window": _nanoseconds(DUPLICATE_WINDOW),
        "storage": "memory" if plan.in_memory else "file",
        "num_replicas": 1,
    }


def consumer_config(
    durable: str, subjects: Sequence[str], plan: StreamPlan, now: str
) -> dict[str, Any]:
    """Return a consumer as the API spells it; `now` is the server's time."""
    config = {
        "durable_name": durable,
        "name": durable,
        "filter_subjects": list(subjects),
        "ack_policy": "explicit",
        "ack_wait": _nanoseconds(plan.ack_wait),
        "max_ack_pending": MAX_ACK_PENDING,
        "max_deliver": -1,
        "replay_policy": "instant",
        "deliver_policy": "all",
    }
    if plan.work_queue or not now:
        return config
    since = dt.datetime.fromisoformat(now) - dt.timedelta(seconds=plan.lookback)
    return config | {"deliver_policy": "by_start_time", "opt_start_time": since.isoformat()}


def _drift(have: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in wanted.items()
        if key not in _NOT_OURS and (have.get(key) or 0) != (value or 0)
    }


def _without_single_filter(config: dict[str, Any]) -> dict[str, Any]:
    """Spell one filter as a list of one, as we do."""
    single = config.get("filter_subject")
    if not single:
        return config
    rest = {key: value for key, value in config.items() if key != "filter_subject"}
    return rest | {"filter_subjects": [single]}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
