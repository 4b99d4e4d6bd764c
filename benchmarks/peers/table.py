"""Figures of all turns together, as JSON and as one Markdown table."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from benchmarks import report
from benchmarks.peers.engine import About
from benchmarks.peers.measure import Measured
from benchmarks.peers.workloads import Workload

Figures: TypeAlias = dict[str, Any]
Results: TypeAlias = dict[str, dict[str, Figures]]  # engine -> workload -> figures

HEAD: Final = (
    "| workload | engine | unloaded p50 / p99 ms (runs) | runs/s at 64 in flight (by turn) "
    "| steps/s | CPU µs a step under load, by process | resident MB |"
)


def figures(turns: Sequence[Measured], workload: Workload) -> Figures:
    """Put the turns of one engine at one workload together: rates and CPU over all of them."""
    alone = [one for turn in turns for one in turn.alone_s]
    ended = sum(turn.ended for turn in turns)
    seconds = sum(turn.seconds for turn in turns)
    rate = ended / seconds if seconds else 0.0
    found: Figures = {
        "unloaded_runs": len(alone),
        **(report.latency(alone) if alone else {}),
        "runs": ended,
        "runs_per_s": rate,
        "runs_per_s_by_turn": [t.ended / t.seconds if t.seconds else 0.0 for t in turns],
        "steps_per_s": rate * workload.steps,
        "failed": sum(turn.failed for turn in turns),
        "unfinished": sum(turn.unfinished for turn in turns),
    }
    found |= _cpu("cpu_us_unloaded", [t.alone_cpu_s for t in turns], len(alone) * workload.steps)
    if not found["unfinished"]:
        found |= _cpu("cpu_us_a_step", [t.cpu_s for t in turns], ended * workload.steps)
    resident = {n: mb / len(turns) for n, mb in _sum([t.resident_mb for t in turns]).items()}
    found |= {"resident_mb": sum(resident.values()), "resident_mb_by_process": resident}
    if fault := next((turn.fault for turn in turns if turn.fault), ""):
        found["fault"] = fault
    return found


def _cpu(name: str, used: Sequence[Mapping[str, float]], steps: int) -> Figures:
    """CPU microseconds a step, whole and by process; nothing where no step was done."""
    if not steps:
        return {}
    parts = {process: 1e6 * seconds / steps for process, seconds in _sum(used).items()}
    return {name: sum(parts.values()), f"{name}_by_process": parts}


def _sum(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0.0) for part in parts) for name in names}


def table(results: Results, workloads: Sequence[Workload], engines: Mapping[str, About]) -> str:
    """One line for each workload and engine; an engine that is not there says why."""
    lines = [HEAD, "|---|---|---|---|---|---|---|"]
    for workload in workloads:
        for name, about in engines.items():
            found = results.get(name, {}).get(workload.key)
            if found is not None:
                cells = _cells(found)
                lines.append(f"| {workload.key} {workload.title} | {about.title} | {cells} |")
    return "\n".join(lines)


def _cells(found: Figures) -> str:
    if "error" in found:
        return f"{_plain(found['error'])} | | | |"
    alone = f"({found['unloaded_runs']})"
    if "p50_ms" in found:
        alone = f"{_show(found['p50_ms'])} / {_show(found['p99_ms'])} {alone}"
    turns = ", ".join(_show(rate) for rate in found["runs_per_s_by_turn"])
    bound = "≥ " if found["unfinished"] else ""
    rate = f"{bound}{_show(found['runs_per_s'])} ({turns}){_lost(found)}"
    steps = bound + _show(found["steps_per_s"])
    resident = f"{found['resident_mb']:,.0f}"
    return " | ".join([alone, rate, steps, _show_cpu(found), resident])


def _show_cpu(found: Figures) -> str:
    for key, where in (("cpu_us_a_step", ""), ("cpu_us_unloaded", "unloaded ")):
        if key in found:
            parts = found[f"{key}_by_process"].items()
            return f"{where}{found[key]:,.0f} ({', '.join(f'{n} {us:,.0f}' for n, us in parts)})"
    return "no run ended"


def _lost(found: Figures) -> str:
    said = [f"{found[what]} {what}" for what in ("unfinished", "failed") if found[what]]
    return "".join(f"; {what}" for what in said) + (
        f": {_plain(found['fault'])}" if "fault" in found else ""
    )


def about(engines: Mapping[str, About], versions: Mapping[str, str]) -> str:
    """What is not alike, engine by engine, with versions and commands."""
    lines = [
        "| engine | versions | a step runs | runs are started and seen to end | durable | counted "
        "| settings |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in engines.items():
        says = (one.title, _plain(versions[name]), one.steps, one.client, one.store, one.counted)
        lines.append(f"| {' | '.join(says)} | {one.settings} |")
    commands = [f"{one.title}: `{command}`" for one in engines.values() for command in one.commands]
    return "\n".join([*lines, "", *(f"- {command}" for command in commands)])


def _plain(text: str) -> str:
    """Text of others as it may stand in a cell."""
    return " ".join(text.replace("|", "/").split())[:300]


def _show(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
