"""One run of ten to ten thousand steps: what a step costs must not depend on how many there are.

A chain is a definition of so many steps, of which a dialect allows a thousand; a loop has one step,
done for so many items, ten at a time or one after the other.  The peer answers at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from benchmarks import report, sagas
from benchmarks.client import Pool
from benchmarks.growth.load import others
from benchmarks.growth.series import Panel, Row, Shape
from benchmarks.report import Figures
from benchmarks.stack import Stack, stack

SIZES: Final = (10, 100, 1_000, 10_000)
MOST_IN_A_CHAIN: Final = 1_000
STEPS_EACH: Final = 1_000
"""A short run is repeated until so many steps were done: a clock of 10 ms counts the CPU."""

LONGEST_S: Final = 240.0
ENV: Final = {"MAINSPRING_MAX_BODY_BYTES": str(64 << 20)}
Json = dict[str, Any]
Begin = Callable[[], Awaitable[str]]

KINDS: Final = {
    "saga": "saga, a chain",
    "native": "native, a chain",
    "wide": "native, all at once",
    "loop": "flow, a loop, ten at a time",
    "serial": "flow, a loop, one by one",
}
SHAPE: Final = Shape(
    "One run of so many steps",
    "steps",
    (
        Panel("CPU µs a step, all processes", {f"{k}_cpu_us": v for k, v in KINDS.items()}),
        Panel("ms a step", {f"{k}_ms": v for k, v in KINDS.items()}),
    ),
)


async def measure() -> list[Row]:
    """Every kind at every size, all on one platform."""
    rows: list[Row] = []
    with stack(ENV) as whole:
        for size in SIZES:
            figures: Figures = {}
            with others(lambda: sum(whole.cpu().values()), figures):
                figures |= await _at(whole, size)
            rows.append(Row(size, figures))
    return rows


async def _at(whole: Stack, size: int) -> Figures:
    figures: Figures = {}
    for kind in KINDS:
        begin = await _prepared(whole, kind, size)
        if begin is not None:
            figures |= {f"{kind}_{n}": v for n, v in (await _run(whole, begin, size)).items()}
    return figures


async def _run(whole: Stack, begin: Begin, size: int) -> Figures:
    async with sagas.ends(whole.events) as heard:

        async def once() -> None:
            await asyncio.wait_for(heard.of(await begin()), LONGEST_S)

        if size <= STEPS_EACH:
            await once()  # what is compiled and connected once is no step's cost
        before, began = whole.cpu(), time.perf_counter()
        times = max(1, STEPS_EACH // size)
        for _ in range(times):
            await once()
        ms = 1000 * (time.perf_counter() - began) / (times * size)
        used = report.cpu(before, whole.cpu(), times * size)
    parts = ("cpu_us", "cpu_us_scheduler", "cpu_us_postgres")
    return {"ms": ms} | {name: used[name] for name in parts}


async def _prepared(whole: Stack, kind: str, size: int) -> Begin | None:
    """Return what begins a run of a kind, None where there can be none of that size."""
    pool = Pool(whole.api)
    if kind in ("loop", "serial"):
        return await _loop(pool, f"{kind}-{size}", size, 10 if kind == "loop" else 1)
    if size > MOST_IN_A_CHAIN:
        return None
    if kind == "saga":
        body = sagas.chain(whole.echo, size)
        return lambda: sagas.start(pool, body)
    return await _native(pool, whole.echo, f"{kind}-{size}", size, chained=kind == "native")


async def _native(pool: Pool, echo: str, slug: str, size: int, *, chained: bool) -> Begin:
    steps: list[Json] = [
        {"step_ref": f"s{n}", "step_type": "http", "request": {"url": f"{echo}/run"}}
        | ({"depends_on": [f"s{n - 1}"]} if chained and n else {})
        for n in range(size)
    ]
    await _post(pool, "/v1/workflows", {"name": slug, "slug": slug, "steps": steps}, 201)

    async def begin() -> str:
        made = await _post(pool, f"/v1/workflows/{slug}/trigger", {"payload": {}}, 202)
        return str(made["id"])

    return begin


async def _loop(pool: Pool, name: str, size: int, at_once: int) -> Begin:
    items = "{{ range(" + str(size) + ") | list }}"
    step: Json = {"name": "one", "type": "core.set", "properties": {"values": {"n": "{{ item }}"}}}
    properties: Json = {"items": items, "concurrency": at_once, "tasks": [step]}
    task: Json = {"name": "all", "type": "core.forEach", "properties": properties}
    text = msgspec.json.encode({"name": name, "tasks": [task]}).decode()  # JSON is YAML too
    made = await _post(pool, "/api/v1/flows", {"name": name, "yamlContent": text}, 201)
    flow = str(made["id"])

    async def begin() -> str:
        return str((await _post(pool, f"/api/v1/flows/{flow}/execute", {}, 202))["executionId"])

    return begin


async def _post(pool: Pool, path: str, body: Json, status: int) -> Json:
    answer = await pool.post(path, msgspec.json.encode(body))
    if answer.status != status:
        raise RuntimeError(f"{path}: {answer.status} {answer.body.decode()[:500]}")
    return msgspec.json.decode(answer.body)
