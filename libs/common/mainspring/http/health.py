"""Health: is the process alive, can it serve, and what does it measure.

Two questions, two answers.  `/healthz` asks whether a restart would help: it is 503 only when a
loop of this process has stopped making progress, never because a neighbour is away, or a database
that is down would restart every service that waits for it.  `/readyz` asks whether work should be
sent here: it is 503, with every reason, while a neighbour is away, the schema is not the code's, or
the process starts or stops.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mainspring.ports import Clock
from mainspring.telemetry.metrics import HEARTBEAT_AGE

PATIENCE_S = 30.0
CHECK_S = 2.0
KEEP_S = 0.5  # how long an answer of the checks holds, so that probes cannot be used to load them
PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})

Check = Callable[[], Awaitable[Sequence[str]]]
"""Says why something is not ready: no reasons, it is."""


class Heart:
    """The sign of life of one loop, which beats at least every `patience` seconds."""

    __slots__ = ("_beat_at", "_clock", "name", "patience")

    def __init__(self, name: str, patience: float, clock: Clock) -> None:
        self.name = name
        self.patience = patience
        self._clock = clock
        self._beat_at = clock.monotonic()

    def beat(self) -> None:
        """Say that the loop makes progress."""
        self._beat_at = self._clock.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return self._clock.monotonic() - self._beat_at


class Health:
    """What is known about this process: its hearts, and why it is not ready, if it is not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._checks: list[Check] = []
        self._kept: tuple[float, list[str]] | None = None
        self.hearts: list[Heart] = []
        self.blocks: dict[str, str] = {}

    def heart(self, name: str, patience: float = PATIENCE_S) -> Heart:
        """Return a new heart; the process counts as stalled when it stops beating."""
        heart = Heart(name, patience, self._clock)
        HEARTBEAT_AGE.labels(name).set_function(lambda: heart.age)
        self.hearts.append(heart)
        return heart

    def forget(self, heart: Heart) -> None:
        """Expect no more beats of it: its loop ended as it should."""
        self.hearts.remove(heart)
        HEARTBEAT_AGE.remove(heart.name)

    def block(self, what: str, reason: str) -> None:
        """Be not ready because of `what`, until it is cleared."""
        self.blocks[what] = reason

    def clear(self, what: str) -> None:
        """Take back a block; one that is not there is no matter."""
        self.blocks.pop(what, None)

    def check(self, check: Check) -> None:
        """Ask `check` too, from now on, whenever someone wants to know."""
        self._checks.append(check)

    def stalled(self) -> list[str]:
        """Return what makes no progress, each with its last sign of life."""
        return [
            f"{heart.name} made no progress for {heart.age:.1f} s"
            for heart in self.hearts
            if heart.age > heart.patience
        ]

    async def unready(self) -> list[str]:
        """Return every reason not to send work here; none when it can serve."""
        return [*self.blocks.values(), *self.stalled(), *await self._checked()]

    async def _checked(self) -> list[str]:
        now = self._clock.monotonic()
        if self._kept is None or now - self._kept[0] > KEEP_S:
            answers = await asyncio.gather(*(_ask(check) for check in self._checks))
            self._kept = now, [reason for answer in answers for reason in answer]
        return self._kept[1]


async def _ask(check: Check) -> Sequence[str]:
    try:
        async with asyncio.timeout(CHECK_S):
            return await check()
    except TimeoutError:
        return (f"a check of readiness took longer than {CHECK_S:g} s",)


def _probed(request: Request, well: str, reasons: Sequence[str]) -> Response:
    """Return the answer to a probe: a text for whoever reads it, JSON for whoever asks for that."""
    status = 503 if reasons else 200
    if "application/json" not in request.headers.get("accept", ""):
        return PlainTextResponse("\n".join(reasons) or well, status)
    checks = dict(_check_of(reason) for reason in reasons)
    found = {"status": "unavailable", "checks": checks} if reasons else {"status": "ok"}
    return Response(msgspec.json.encode(found), status, media_type="application/json")


def _check_of(reason: str) -> tuple[str, str]:
    """Return what a reason is about, which stands before its colon or is its first word."""
    what, colon, why = reason.partition(": ")
    return (what, why) if colon else (reason.partition(" ")[0], reason)


def health_routes(health: Health) -> list[Route]:
    """Return the three routes that every service has."""

    async def healthz(request: Request) -> Response:
        return _probed(request, "ok", health.stalled())

    async def readyz(request: Request) -> Response:
        return _probed(request, "ready", await health.unready())

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]
