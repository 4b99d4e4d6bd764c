"""Figures, the table and the JSON: of all turns together, and of engines that are not there."""

import msgspec
import pytest
from benchmarks.peers.engine import About
from benchmarks.peers.measure import Measured
from benchmarks.peers.table import about, figures, table
from benchmarks.peers.workloads import WORKLOADS

TEN = next(one for one in WORKLOADS if one.key == "P2-noop")
ABOUT = About("A", "in place", "HTTP", "fsync", "server", "defaults", ("a serve",))


def measured(**changes: object) -> Measured:
    one = Measured(
        alone_s=[0.010, 0.020],
        alone_cpu_s={"server": 0.04, "worker": 0.02},
        ended=100,
        failed=0,
        unfinished=0,
        seconds=2.0,
        cpu_s={"server": 1.0, "worker": 0.5},
        resident_mb={"server": 100.0, "worker": 20.0},
    )
    return msgspec.structs.replace(one, **changes)


def test_a_rate_is_of_all_turns_and_each_turn_is_told() -> None:
    found = figures([measured(), measured(ended=50, seconds=4.0)], TEN)
    assert found["runs"] == 150
    assert found["runs_per_s"] == 150 / 6
    assert found["runs_per_s_by_turn"] == [50.0, 12.5]
    assert found["steps_per_s"] == 10 * 150 / 6


def test_percentiles_are_of_the_runs_of_all_turns() -> None:
    found = figures([measured(), measured(alone_s=[0.030] * 2)], TEN)
    assert found["unloaded_runs"] == 4
    assert (found["p50_ms"], found["p99_ms"]) == (20.0, 30.0)


def test_cpu_is_divided_by_the_steps_of_the_runs_that_ended() -> None:
    found = figures([measured(), measured()], TEN)
    assert found["cpu_us_a_step_by_process"] == {"server": 1000.0, "worker": 500.0}
    assert found["cpu_us_a_step"] == 1500.0


def test_memory_is_the_mean_of_the_turns() -> None:
    found = figures([measured(), measured(resident_mb={"server": 200.0, "worker": 20.0})], TEN)
    assert found["resident_mb_by_process"] == {"server": 150.0, "worker": 20.0}
    assert found["resident_mb"] == 170.0


def test_cpu_of_unfinished_runs_is_charged_to_no_step() -> None:
    found = figures([measured(), measured(unfinished=1)], TEN)
    assert "cpu_us_a_step" not in found
    assert found["cpu_us_unloaded_by_process"] == {"server": 2000.0, "worker": 1000.0}
    text = table({"a": {"P2-noop": found}}, [TEN], {"a": ABOUT})
    assert "| ≥ 50.00 (50.00, 50.00); 1 unfinished | ≥ 500 | unloaded 3,000 (server 2,000," in text


def test_where_no_run_ended_nothing_is_told_of_a_step() -> None:
    found = figures([measured(ended=0, unfinished=64, seconds=40.0, alone_s=[])], TEN)
    assert found["runs_per_s"] == 0.0
    assert not {"cpu_us_a_step", "cpu_us_unloaded", "p50_ms"} & set(found)
    text = table({"a": {"P2-noop": found}}, [TEN], {"a": ABOUT})
    assert "| (0) | ≥ 0.00 (0.00); 64 unfinished | ≥ 0.00 | no run ended | 120 |" in text


def test_every_line_of_the_table_has_as_many_cells_as_its_head() -> None:
    results = {
        "a": {"P2-noop": figures([measured()], TEN)},
        "b": {"P2-noop": {"error": "not installed: no | such\nwheel"}},
        "c": {"P2-noop": figures([measured(failed=2, fault="a | b")], TEN)},
    }
    engines = {"a": ABOUT, "b": ABOUT._replace(title="B"), "c": ABOUT._replace(title="C")}
    lines = table(results, [TEN], engines).splitlines()
    assert len(lines) == 5
    assert {line.count("|") for line in lines} == {8}


def test_a_line_of_the_table_says_all_measures() -> None:
    text = table({"a": {"P2-noop": figures([measured()], TEN)}}, [TEN], {"a": ABOUT})
    cells = "| 10.00 / 20.00 (2) | 50.00 (50.00) | 500 | 1,500 (server 1,000, worker 500) | 120 |"
    assert text.splitlines()[-1] == f"| P2-noop ten steps in a row, no-op | A {cells}"


def test_an_engine_that_is_not_there_says_why() -> None:
    text = table({"b": {"P2-noop": {"error": "not installed: no wheel"}}}, [TEN], {"b": ABOUT})
    assert text.endswith("| A | not installed: no wheel | | | | |")


def test_failures_are_counted_and_the_first_is_told() -> None:
    found = figures([measured(), measured(failed=3, fault="refused")], TEN)
    text = table({"a": {"P2-noop": found}}, [TEN], {"a": ABOUT})
    assert "; 3 failed: refused |" in text


def test_figures_are_the_same_after_a_trip_through_json() -> None:
    results = {"a": {"P2-noop": figures([measured()], TEN)}}
    assert msgspec.json.decode(msgspec.json.encode(results)) == results


@pytest.mark.parametrize("part", ["A", "a 1.2", "in place", "HTTP", "fsync", "server", "defaults"])
def test_what_is_not_alike_stands_beside_the_table(part: str) -> None:
    text = about({"a": ABOUT}, {"a": "a 1.2"})
    assert f"| {part} |" in text
    assert text.endswith("- A: `a serve`")
