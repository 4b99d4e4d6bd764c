"""Real processes under load, with every fault that chaos knows: nothing is lost, nothing doubled.

This is `make chaos` in its short form, as a process of its own: it enters namespaces where it may,
and whatever becomes of it, nothing of it is left.  How soon the work goes on is asked here only in
so far as it does; ten seconds are held by `make chaos` on a machine that does nothing else.
"""

from pathlib import Path

from mainspring.runtime import crash
from mainspring.testing.chaos.faults import LONG, SHORT
from mainspring.testing.chaos.run import CRASHES, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"


def test_under_faults_every_run_ends_once_and_as_its_script_says(outcome: Outcome) -> None:
    assert not outcome.wrong, "\n".join(outcome.wrong)
    assert outcome.accepted > 60 * outcome.rate / 2, "there was hardly any load"


def test_every_fault_has_struck(outcome: Outcome) -> None:
    assert {each.name for each in outcome.faults} == {*SHORT, CRASHES}


def test_the_page_of_chaos_names_every_fault() -> None:
    page = PAGE.read_text()
    assert [name for name in (*LONG, CRASHES) if f"`{name}`" not in page] == []


def test_a_process_has_died_at_every_named_point(outcome: Outcome) -> None:
    assert sorted(outcome.visited) == sorted(crash.POINTS)


def test_after_each_fault_the_work_goes_on(outcome: Outcome) -> None:
    assert [each.name for each in outcome.faults if each.back_s is None] == []
