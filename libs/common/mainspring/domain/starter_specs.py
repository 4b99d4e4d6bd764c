"""What a starter is told, and the words that people use for it.

Plain values without a past: the streams of starters are in `starters`, which gives all of these
names too.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["schedule", "webhook", "flow"]


class Schedule(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="schedule"
):
    """Instants: those of a cron pattern, or every so many seconds, or a single one."""

    cron: str | None = None
    interval: float | None = None
    at: float | None = None
    timezone: str = "UTC"
    catchup: Literal["none", "last", "all"] = "none"
    jitter: float = 0.0
    max_late: float | None = None


class Hmac(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a sender signs: over what is the same for all, the rest is as it says.

    Without a header it is one of the usual ones; without a prefix it is the algorithm's name with
    an equals sign, and an empty one is none.  Without a secret nobody can sign, and is let in.
    """

    secret: str | None = None
    header: str | None = None
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str | None = None

    @property
    def before(self) -> str:
        """What stands before the digest."""
        return f"{self.algorithm}=" if self.prefix is None else self.prefix


class Webhook(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="webhook"
):
    """Requests of strangers, by a key of the deployment or by a path of the project.

    Calls are signed in the usual way with `secret`, where `header` names one more header that may
    carry the signature; or in the way of `hmac`.  Only those start a run that meet all
    `conditions`.
    """

    key: str = ""
    path: str = ""
    methods: tuple[str, ...] = ("POST",)
    secret: str | None = None
    header: str | None = None
    window: float = 300.0
    max_bytes: int | None = None
    mode: Literal["immediate", "wait"] = "immediate"
    wait_seconds: float = 30.0
    hmac: Hmac | None = None
    conditions: tuple[str, ...] = ()


class Follow(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="flow"
):
    """Ends of a workflow's runs, by its id or name; `statuses` are the engine's, none for all."""

    workflow: str
    statuses: tuple[str, ...] = ()


Spec: TypeAlias = Schedule | Webhook | Follow


def kind_of(spec: Spec) -> Kind:
    """Return the word for a kind of starter."""
    match spec:
        case Schedule():
            return "schedule"
        case Webhook():
            return "webhook"
        case Follow():
            return "flow"


def address(project: str, webhook: Webhook) -> str:
    """Return what a webhook is found by: its key, or its path within the project."""
    return webhook.key or f"{project}\n{webhook.path}"


def plain_path(text: str) -> str:
    """Return the path of a webhook as it is compared: without slashes around it, without /hooks."""
    return text.strip("/").removeprefix("hooks/").strip("/")


_ENDS: Final[Mapping[str, tuple[str, ...]]] = {
    "success": ("succeeded",),
    "succeeded": ("succeeded",),
    "completed": ("succeeded",),
    "failed": ("failed", "corrupted"),
    "corrupted": ("corrupted",),
    "cancelled": ("canceled",),
    "canceled": ("canceled",),
    "timed_out": ("timed_out",),
}
ENDS: Final = tuple(_ENDS)
"""Words of all dialects for how a run may end, in lower case."""

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "flows": {
        "succeeded": "SUCCESS",
        "failed": "FAILED",
        "corrupted": "FAILED",
        "canceled": "CANCELLED",
        "timed_out": "TIMED_OUT",
    },
    "runs": {
        "succeeded": "completed",
        "failed": "failed",
        "corrupted": "failed",
        "canceled": "cancelled",
        "timed_out": "timed_out",
    },
}


def ends_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return the engine's statuses for words of any dialect; unknown ones are left out."""
    found = (status for word in words for status in _ENDS.get(word.lower(), ()))
    return tuple(dict.fromkeys(found))


def word_of(dialect: str, status: str) -> str:
    """Return a dialect's word for how a run ended."""
    return _WORDS.get(dialect, {}).get(status, status)
