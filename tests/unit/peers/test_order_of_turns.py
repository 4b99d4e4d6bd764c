"""Who is measured when, and which workloads a name stands for."""

import itertools

import pytest
from benchmarks.peers.workloads import WORKLOADS, chosen, order

ENGINES = ["ours", "a", "b"]


def test_engines_take_turns_within_a_workload() -> None:
    turns = [turn.engine for turn in order(WORKLOADS[:1], 2, ENGINES)]
    assert turns == ["ours", "a", "b", "ours", "a", "b"]


def test_one_workload_comes_after_the_other() -> None:
    keys = [turn.workload.key for turn in order(WORKLOADS, 2, ENGINES)]
    assert [key for key, _ in itertools.groupby(keys)] == [one.key for one in WORKLOADS]


def test_every_engine_has_as_many_turns_at_every_workload() -> None:
    turns = list(order(WORKLOADS, 3, ENGINES))
    assert len(set(turns)) == len(turns) == 3 * len(ENGINES) * len(WORKLOADS)


def test_a_number_chooses_both_kinds_of_step() -> None:
    assert [one.key for one in chosen(["P1", "P4"])] == ["P1-noop", "P1-post", "P4-post"]
    assert [one.key for one in chosen(["P2-post"])] == ["P2-post"]
    assert chosen([]) == list(WORKLOADS)


def test_an_unknown_workload_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown workloads P9; there are .*'P4-post'"):
        chosen(["P1", "P9"])


def test_steps_post_only_where_the_workload_says_so() -> None:
    urls = {one.key: one.url("http://echo") for one in WORKLOADS}
    assert urls["P1-noop"] == ""
    assert urls["P2-post"] == "http://echo/run"
    assert urls["P4-post"] == "http://echo/run?ms=20"
