"""The mutants can be planted, and the page says of each by what it was found.

To find them takes minutes: `make mutants` does, and writes the page.
"""

import pytest

from mainspring.testing.simulation.mutants import PAGE, ROOT, patched
from mainspring.testing.simulation.patches import MUTANTS, Mutant

FEWEST = 25


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_planted(mutant: Mutant) -> None:
    assert mutant.old != mutant.new
    compile(patched(ROOT, mutant), mutant.path, "exec")


def test_the_page_has_every_mutant_and_none_survives() -> None:
    rows = [row.split(" | ") for row in (ROOT / PAGE).read_text().splitlines() if "` | " in row]
    assert [row[0].removeprefix("| ") for row in rows] == [mutant.name for mutant in MUTANTS]
    assert not [row for row in rows if "survives" in row[3]]
    assert len(rows) >= FEWEST
