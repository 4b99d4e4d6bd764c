"""Figures: percentiles, medians over runs, and one table."""

import statistics
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Figures: TypeAlias = dict[str, float]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]


def latency(seconds: Sequence[float]) -> Figures:
    ms = [1000 * value for value in seconds]
    return {"p50_ms": percentile(ms, 0.50), "p99_ms": percentile(ms, 0.99)}


def cpu(before: Mapping[str, float], after: Mapping[str, float], units: int) -> Figures:
    """CPU microseconds a unit, all of the platform's processes together and by process."""
    used = {name: 1e6 * (after[name] - before[name]) / units for name in before}
    ours = sum(value for name, value in used.items() if name not in ("echo", "load"))
    return {"cpu_us": ours} | {f"cpu_us_{name}": value for name, value in used.items()}


def median(runs: Sequence[Figures]) -> Figures:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def table(results: Mapping[str, Figures], titles: Mapping[str, str]) -> str:
    lines = ["| | benchmark | figures | CPU µs a unit, by process |", "|---|---|---|---|"]
    for key, figures in results.items():
        main = [f"{name} {_show(v)}" for name, v in figures.items() if "cpu_us_" not in name]
        parts = [f"{name[7:]} {v:.0f}" for name, v in figures.items() if "cpu_us_" in name]
        lines.append(f"| {key} | {titles[key]} | {', '.join(main)} | {', '.join(parts)} |")
    return "\n".join(lines)


def _show(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
