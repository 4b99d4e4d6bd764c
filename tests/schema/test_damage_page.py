"""What the page of operations says of damage names each kind, and laws that there are."""

import re
from pathlib import Path
from typing import get_args

from tests.integration.test_doctor_damage import DAMAGES

from mainspring.domain.ailments import REMEDIES, Ail

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
KINDS = PAGE.partition("## When something does not move")[2].partition("\n1. ")[0]
DAMAGE = PAGE.partition("### What could be left behind")[2].partition("\n## ")[0]


def rows(section: str) -> list[list[str]]:
    found = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in found][1:]


def test_every_kind_of_ailment_is_told_and_has_a_remedy() -> None:
    told = {kind for row in rows(KINDS) for kind in re.findall(r"`(\w+)`", row[0])}
    assert told == set(get_args(Ail)) == set(REMEDIES)


def test_each_damage_that_is_planted_is_told_and_each_law_that_is_named_is_there() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (\w+)", text))
    named = {name for row in rows(DAMAGE) for name in re.findall(r"`(\w+)`", row[3])}
    assert not named - there
    assert {plant.__name__ for plant in DAMAGES.values()} <= named


def test_damage_shows_as_a_kind_of_ailment_or_not_at_all() -> None:
    for row in rows(DAMAGE):
        assert set(re.findall(r"`(\w+)`", row[1])) <= set(get_args(Ail)), row
