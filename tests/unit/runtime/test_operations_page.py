"""docs/operations.md says what the code does: its tables against the code's."""

import re
from collections import Counter as Counted
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from prometheus_client import Counter, Gauge, Histogram

import mainspring.telemetry.metrics as metrics_module
from mainspring.http.health import PATHS
from mainspring.runtime.config import PORTS, SERVICES, VARIABLES, Variable
from mainspring.runtime.service import Exit

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"


def rows(first: str) -> Iterator[list[str]]:
    """Yield the cells of the table whose head begins with `first`."""
    lines = iter(PAGE.read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            next(lines)
            break
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def stated(variable: Variable) -> list[str]:
    default = variable.default and f"`{variable.default}`"
    if variable.field == "port":
        default = ", ".join(f"{service} {port}" for service, port in PORTS.items())
    everyone = variable.services == SERVICES
    return [
        f"`{variable.name}`",
        "(required)" if variable.required else default,
        "all" if everyone else ", ".join(variable.services),
        variable.meaning,
    ]


def test_every_variable_stands_there_as_the_code_reads_it() -> None:
    assert list(rows("variable")) == [stated(variable) for variable in VARIABLES]


def test_every_metric_stands_there_with_its_labels() -> None:
    known: set[str] = set()
    for metric in vars(metrics_module).values():
        if isinstance(metric, (Counter, Gauge, Histogram)):
            (family,) = metric.describe()
            name = family.name + ("_total" if isinstance(metric, Counter) else "")
            labels = ",".join(cast("tuple[str, ...]", vars(metric)["_labelnames"]))
            known.add(f"`{name}{{{labels}}}`" if labels else f"`{name}`")
    assert {row[0] for row in rows("metric")} == known


def test_every_metric_is_moved_by_something() -> None:
    root = PAGE.parents[1]
    files = [*root.glob("libs/**/*.py"), *root.glob("services/**/*.py")]
    words = Counted(word for file in files for word in re.findall(r"\w+", file.read_text()))
    for name, metric in vars(metrics_module).items():
        if isinstance(metric, (Counter, Gauge, Histogram)):
            # Named where it is made, and in at least one other place.
            assert words[name] > 1, name


def test_every_metric_is_named_for_its_area_and_unit() -> None:
    for name, *_ in rows("metric"):
        bare = name.strip("`").partition("{")[0]
        assert re.fullmatch(r"mainspring_[a-z]+_[a-z_]+", bare)


def test_every_exit_code_stands_there() -> None:
    codes = [row[0] for row in rows("exit code")]
    assert codes == [*(str(int(code)) for code in Exit), "128 + n"]


def test_every_probe_stands_there() -> None:
    assert {row[0].strip("`") for row in rows("route")} == PATHS
