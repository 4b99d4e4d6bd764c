"""What strikes: each fault by its name, from the first harm to the last.

A fault is over when nothing is done any more to keep it up; whatever it takes from then on is
recovery.  A kill is over at once: to start the process again is part of the recovery.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Final, NamedTuple

import asyncpg

from mainspring.testing.chaos.fleet import MACHINES, SERVICES, Fleet, Replica
from mainspring.testing.chaos.lines import Mode

LEASE_S: Final = 16.5
"""Longer than the longest lease: what a broker waits for a word about a task is 15 seconds."""

CUT_S: Final = 6.0
STORM_S: Final = 3.0
FULL_S: Final = 3.0
PEER_S: Final = 3.0
OTHERS: Final = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where pid <> pg_backend_pid() and datname = current_database()"
)


class Struck(NamedTuple):
    """One fault as it was: instants of the wall clock."""

    name: str
    began: float
    over: float


Strike = Callable[[Fleet, Random], Awaitable[float]]
"""Does harm, and returns the instant at which it was over."""


async def pause(seconds: float) -> None:
    """Let real time pass."""
    await asyncio.sleep(seconds)


def kill(service: str) -> Strike:
    """Kill one replica of a service with -9, and start it again."""

    async def strike(whole: Fleet, chance: Random) -> float:
        replica = whole.services[service, chance.choice(MACHINES)]
        over = time.time()
        await asyncio.to_thread(replica.kill)
        await replica.again()
        return over

    return strike


async def kill_all(whole: Fleet, chance: Random) -> float:
    """Kill every service of one machine with -9, and start them again."""
    machine = chance.choice(MACHINES)
    replicas = [whole.services[service, machine] for service in SERVICES]
    over = time.time()
    for replica in replicas:
        await asyncio.to_thread(replica.kill)
    await asyncio.gather(*(replica.again() for replica in replicas))
    return over


def freeze(*services: str) -> Strike:
    """Let one replica of each service stand still for longer than any lease."""

    async def strike(whole: Fleet, chance: Random) -> float:
        machine = chance.choice(MACHINES)
        still = [whole.services[service, machine] for service in services]
        return await _still(still, LEASE_S + chance.random())

    return strike


async def _still(replicas: list[Replica], seconds: float) -> float:
    for replica in replicas:
        replica.freeze()
    try:
        await pause(seconds)
    finally:
        for replica in replicas:
            replica.go_on()
    return time.time()


async def broker_killed(whole: Fleet, _: Random) -> float:
    """Kill the broker; what it had in memory is lost, what it had on disk is there."""
    return await _broker(whole, wiped=False)


async def broker_wiped(whole: Fleet, _: Random) -> float:
    """Kill the broker, and start one that knows nothing."""
    return await _broker(whole, wiped=True)


async def _broker(whole: Fleet, *, wiped: bool) -> float:
    over = time.time()
    await asyncio.to_thread(whole.nats.kill)
    if wiped:
        await asyncio.to_thread(whole.nats.wipe)
    await asyncio.to_thread(whole.nats.start)
    return over


async def log_killed(whole: Fleet, _: Random) -> float:
    """Kill the database server, and let it recover."""
    over = time.time()
    await asyncio.to_thread(whole.postgres.kill)
    await asyncio.to_thread(whole.postgres.start)
    return over


async def log_storm(whole: Fleet, chance: Random) -> float:
    """Terminate every session of the database again and again."""
    until = time.time() + STORM_S
    link = await asyncpg.connect(whole.postgres.dsn)
    try:
        while time.time() < until:
            await link.fetch(OTHERS)
            await pause(0.1 + 0.4 * chance.random())
    finally:
        await link.close()
    return time.time()


async def log_full(whole: Fleet, _: Random) -> float:
    """Leave the log no room to write, and then give it some."""
    if not whole.ground.has_disk:
        return await _read_only(whole)
    whole.ground.fill()
    try:
        await pause(FULL_S)
    finally:
        whole.ground.empty()
    over = time.time()
    # A server that could not even write what recovery writes has ended; who minds it starts it.
    if not whole.postgres.is_running:
        await asyncio.to_thread(whole.postgres.start)
    return over


async def _read_only(whole: Fleet) -> float:
    """Let the log take no writes: what a full disk looks like to who writes."""
    writable = {"default_transaction_read_only": "off"}
    link = await asyncpg.connect(whole.postgres.dsn, server_settings=writable)
    try:
        await link.execute("alter system set default_transaction_read_only = on")
        await link.fetch("select pg_reload_conf()")
        await pause(FULL_S)
        await link.execute("alter system reset default_transaction_read_only")
        await link.fetch("select pg_reload_conf()")
    finally:
        await link.close()
    return time.time()


def peer_is(mode: Mode, *names: str) -> Strike:
    """Let peers hang, reset every connection, or answer without end."""

    async def strike(whole: Fleet, _: Random) -> float:
        return await _become(whole, names, mode, PEER_S)

    return strike


async def _become(whole: Fleet, names: Sequence[str], mode: Mode, seconds: float) -> float:
    """Let lines be in a mode for some time."""
    ways = [whole.lines[name] for name in names]
    for way in ways:
        await asyncio.to_thread(way.become, mode)
    try:
        await pause(seconds)
    finally:
        for way in ways:
            await asyncio.to_thread(way.become, "open")
    return time.time()


async def cut_off(whole: Fleet, _: Random) -> float:
    """Cut the second machine off from everything."""
    if not whole.ground.has_network:
        return await _become(whole, ("log", "broker"), "silent", CUT_S)
    await asyncio.to_thread(whole.ground.cut)
    try:
        await pause(CUT_S)
    finally:
        await asyncio.to_thread(whole.ground.heal)
    return time.time()


SHORT: Final[dict[str, Strike]] = {
    **{f"kill -9 of the {service}": kill(service) for service in SERVICES},
    "standstill of scheduler and executor": freeze("scheduler", "executor"),
    "broker killed": broker_killed,
    "broker wiped": broker_wiped,
    "database killed": log_killed,
    "sessions terminated": log_storm,
    "no room for the log": log_full,
    "peer hangs": peer_is("silent", "troubled", "shaky"),
    "peer resets": peer_is("reset", "troubled", "shaky"),
    "peer floods": peer_is("flood", "troubled"),
    "second machine cut off": cut_off,
}
"""What strikes in every round."""

LONG: Final[dict[str, Strike]] = {
    **SHORT,
    "standstill of the api": freeze("api"),
    "standstill of the events service": freeze("events"),
    "standstill of a whole machine": freeze(*SERVICES),
    "kill -9 of a whole machine": kill_all,
}
"""What strikes where there is time."""
