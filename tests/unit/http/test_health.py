"""Alive, ready, measured."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

import mainspring.http.health as health_module
from mainspring.http.health import Health, health_routes


class JumpClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


def client(health: Health) -> httpx.AsyncClient:
    app = Starlette(routes=health_routes(health))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_a_loop_that_stops_beating_makes_the_process_unhealthy_and_unready() -> None:
    clock = JumpClock()
    health = Health(clock)
    heart = health.heart("decisions", patience=10)
    async with client(health) as http:
        clock.at += 9
        assert (await http.get("/healthz")).text == "ok"
        clock.at += 2
        stalled = await http.get("/healthz")
        assert stalled.status_code == 503
        assert stalled.text == "decisions made no progress for 11.0 s"
        assert (await http.get("/readyz")).status_code == 503
        heart.beat()
        assert (await http.get("/healthz")).status_code == 200


async def test_a_neighbour_that_is_away_never_makes_the_process_unhealthy() -> None:
    health = Health(JumpClock())

    async def away() -> list[str]:
        return ["broker: not connected"]

    health.check(away)
    async with client(health) as http:
        assert (await http.get("/healthz")).status_code == 200
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.text) == (503, "broker: not connected")


async def test_all_reasons_are_told_and_cleared_ones_no_more() -> None:
    health = Health(JumpClock())
    health.block("starting", "starting")
    health.block("schema", "schema: behind")
    assert await health.unready() == ["starting", "schema: behind"]
    health.clear("starting")
    health.clear("never there")
    assert await health.unready() == ["schema: behind"]


async def test_many_probes_ask_the_neighbours_once() -> None:
    clock, asked = JumpClock(), 0
    health = Health(clock)

    async def count() -> list[str]:
        nonlocal asked
        asked += 1
        return []

    health.check(count)
    for _ in range(10):
        await health.unready()
    assert asked == 1
    clock.at += 1
    await health.unready()
    assert asked == 2


async def test_a_check_that_hangs_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health(JumpClock())

    async def hang() -> list[str]:
        await asyncio.Event().wait()
        return []

    health.check(hang)
    monkeypatch.setattr(health_module, "CHECK_S", 0.01)
    assert await health.unready() == ["a check of readiness took longer than 0.01 s"]


async def test_metrics_show_the_age_of_each_heart_until_it_is_forgotten() -> None:
    clock = JumpClock()
    health = Health(clock)
    heart = health.heart("timers for a test")
    line = 'mainspring_loop_heartbeat_age_seconds{loop="timers for a test"}'
    async with client(health) as http:
        clock.at += 3
        assert f"{line} 3.0" in (await http.get("/metrics")).text
        health.forget(heart)
        assert line not in (await http.get("/metrics")).text


async def test_whoever_asks_for_json_is_told_in_json_what_is_the_matter() -> None:
    clock = JumpClock()
    health = Health(clock)
    heart = health.heart("decisions", patience=10)
    asked = {"Accept": "application/json"}
    async with client(health) as http:
        for path in ("/healthz", "/readyz"):
            well = await http.get(path, headers=asked)
            assert (well.status_code, well.json()) == (200, {"status": "ok"})
        health.block("broker", "broker: not connected")
        health.block("starting", "starting")
        clock.at += 11
        ready = await http.get("/readyz", headers=asked)
        assert ready.status_code == 503
        assert ready.json() == {
            "status": "unavailable",
            "checks": {
                "broker": "not connected",
                "starting": "starting",
                "decisions": "decisions made no progress for 11.0 s",
            },
        }
        alive = await http.get("/healthz", headers=asked)
        assert (alive.status_code, set(alive.json()["checks"])) == (503, {"decisions"})
        assert heart.age == 11
