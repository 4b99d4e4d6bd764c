"""The figures of one measure, size by size: printed as a table, kept as CSV, drawn as lines.

A figure in `panels` is a line of the plot; every other one stands in the table and the CSV alone.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import Figures

OTHERS = "other_cores"
"""The figure that says how many cores were taken by what is no part of the measure."""

BUSY = 0.3
"""More of other people's cores than this, and a figure was taken under load."""


class Panel(NamedTuple):
    """One pair of axes: figures of one unit, from `low` up where a line is to be seen as flat."""

    unit: str
    lines: Mapping[str, str]  # figure -> what the legend says
    log: bool = False


class Shape(NamedTuple):
    """What a measure is called and how it is drawn."""

    title: str
    x: str
    panels: Sequence[Panel]
    log_x: bool = True


class Row(NamedTuple):
    """Figures at one size, or of one kind of thing (`x`)."""

    x: float | str
    figures: Figures


def columns(rows: Sequence[Row]) -> list[str]:
    """Return the names of all figures, in the order in which they were first told."""
    return list(dict.fromkeys(name for row in rows for name in row.figures))


def write(file: Path, shape: Shape, rows: Sequence[Row]) -> None:
    """Keep the rows; a figure that a size does not have is an empty cell."""
    with file.open("w", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        names = columns(rows)
        writer.writerow([shape.x, *names])
        for row in rows:
            cells = (row.figures.get(name) for name in names)
            writer.writerow([_plain(row.x), *("" if c is None else _plain(c) for c in cells)])


def read(file: Path) -> list[Row]:
    """Return the rows that `write` kept."""
    with file.open(newline="") as source:
        head, *lines = csv.reader(source)
    return [Row(_x(line[0]), _figures(head[1:], line[1:])) for line in lines]


def table(shape: Shape, rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    names = columns(rows)
    lines = [f"| {' | '.join([shape.x, *names])} |", "|" + "---|" * (len(names) + 1)]
    for row in rows:
        cells = [_shown(row.figures[n]) if n in row.figures else "" for n in names]
        lines.append(f"| {' | '.join([_plain(row.x), *cells])} |")
    if any(row.figures.get(OTHERS, 0.0) > BUSY for row in rows):
        lines.append(f"\nTaken under load: `{OTHERS}` says how many cores others had.")
    return "\n".join(lines)


def _figures(names: Sequence[str], cells: Sequence[str]) -> Figures:
    return {name: float(cell) for name, cell in zip(names, cells, strict=True) if cell}


def _x(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}" if value < 1e6 else f"{value:.0f}"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
