"""The page of the original's faults names tests that exist, and leaves no fault out."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text()


def test_every_law_on_the_page_is_a_test():
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)", text))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert not named - there


def test_every_fault_is_on_the_page():
    native, *others = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    assert numbers(native) == list(range(1, 46))
    for section in others:
        assert numbers(section) == list(range(1, len(numbers(section)) + 1)), section[:40]
        assert numbers(section)


def numbers(section: str) -> list[int]:
    return [int(n) for n in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)]
