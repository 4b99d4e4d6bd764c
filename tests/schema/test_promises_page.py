"""The page of promises names tests that exist, and leaves out no item of the page of flows."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text()
ITEMS = {*range(1, 21)} - {12, 17}
"""What the page of flows promises; the rest is told with users and credentials."""


def test_every_proof_on_the_page_of_promises_is_a_test() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)", text))
    assert not set(re.findall(r"`(test_\w+)`", PAGE)) - there


def test_every_promise_has_a_proof_and_none_is_left_out() -> None:
    _, flows, *others = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    assert set(_numbers(flows)) >= ITEMS
    for section in others:
        assert _numbers(section) == list(range(1, len(_numbers(section)) + 1)), section[:40]
    for row in re.findall(r"^\| \d+ \|.*$", PAGE, re.MULTILINE):
        assert "`test_" in row.rpartition("|")[0].rpartition("|")[2], row


def _numbers(section: str) -> list[int]:
    return [int(n) for n in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)]
