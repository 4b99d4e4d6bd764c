"""What starts flows by itself, drawn from the seed: schedules, webhooks, followers.

Spans are short, for a history is.  A delivery says its name in its body, so that the runs of it
can be counted afterwards.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from mainspring.domain.message import Json
from mainspring.http.instants import shown
from mainspring.testing.simulation.faults import Chance
from mainspring.testing.simulation.world import EPOCH

SECRET: Final = "only they and we know"  # noqa: S105 - of a simulated sender


CONDITIONS: Final[Sequence[Json]] = (
    ["body.wanted"],
    ["{{ body.delivery is string }}", "body.wanted == true and method == 'POST'"],
)
"""All of them are met by what is wanted, and by nothing else."""


class Hook(NamedTuple):
    """A webhook as it is called: where, whether deliveries are signed, and whether it chooses."""

    path: str
    is_signed: bool
    is_picky: bool = False


class Delivery(msgspec.Struct):
    """All calls with one delivery: they make one run, or none; unmarked, one each at most.

    One that is not wanted meets not all conditions.  `turned_away`: a call was answered so.
    """

    name: str
    is_marked: bool
    is_wanted: bool = True
    turned_away: bool = False
    ids: set[str] = msgspec.field(default_factory=set[str])
    calls: int = 0
    unknown: bool = False


def schedule(chance: Chance, *, night: float) -> dict[str, Json]:
    """Draw when a flow is started; instants are far apart where many are to be missed."""
    config: dict[str, Json] = chance.pick(
        [
            {"interval": chance.pick([15, 20, 25] if night else [4, 5.5, "7s"])},
            {"cron": "* * * * *"},
            {"at": shown(EPOCH + chance.whole(-200, 20))},
        ]
    )
    config["catchup"] = chance.pick(["none", "last", "all"])
    if chance.hits(0.3):
        config["jitter"] = 2
    if chance.hits(0.3):
        config["maxLate"] = chance.pick([0.5, 5, 120])
    return config


def follower(chance: Chance, flow: str) -> dict[str, Json]:
    """Draw which ends of a flow are followed."""
    statuses = chance.pick([[], ["SUCCESS"], ["FAILED", "CANCELLED", "TIMED_OUT"]])
    return {"flow": flow, "statuses": statuses}


def webhook(chance: Chance, key: str) -> dict[str, Json]:
    """Draw how a flow is called."""
    config: dict[str, Json] = {"key": key}
    if chance.hits(0.5):
        config["secret"] = SECRET
    if chance.hits(0.2):
        config |= {"mode": "wait", "waitSeconds": chance.pick([1, 5])}
    if chance.child("conditions").hits(0.4):
        config["conditions"] = chance.pick(CONDITIONS)
    return config


def hook_of(config: Mapping[str, Json]) -> Hook:
    """Return how a webhook is called that is configured so."""
    return Hook(f"/api/v1/webhook/{config['key']}", "secret" in config, "conditions" in config)


def marks(hook: Hook, how: str, name: str, body: Json, now: float) -> dict[str, str]:
    """Return the headers by which a delivery is known."""
    headers = {"x-delivery-id": name} if how == "id" else {}
    if not hook.is_signed:
        return headers
    text = msgspec.json.encode(body)
    if how == "stamped":
        headers["x-timestamp"] = str(int(now))
        text = headers["x-timestamp"].encode() + b"." + text
    signature = hmac.digest(SECRET.encode(), text, "sha256").hex()
    return {**headers, "x-signature-256": f"sha256={signature}"}


def ways(hook: Hook) -> Sequence[str]:
    """Return the ways in which deliveries to a webhook may be marked."""
    return ("id", "signed", "stamped") if hook.is_signed else ("id", "plain")
