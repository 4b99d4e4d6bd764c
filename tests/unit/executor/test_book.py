"""The log of an attempt is bounded, and says what it left out."""

from typing import Any

import msgspec
import pytest

from mainspring.testing.plugins import StillClock
from mainspring_executor.book import LONGEST, MOST_BYTES, MOST_LINES, Book


@pytest.fixture
def book() -> Book:
    return Book(StillClock())


def test_lines_beyond_the_bound_are_counted_and_told_once(book: Book) -> None:
    for n in range(MOST_LINES + 5):
        book.write(f"line {n}")
    lines = book.take(closing=True)
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].level == "WARN"
    assert lines[-1].message == "5 more lines were dropped: the log of an attempt is full"
    assert book.take(closing=True) == ()


def test_the_bound_counts_what_was_taken_before(book: Book) -> None:
    for n in range(MOST_LINES):
        book.write(f"line {n}")
        book.take()
    book.write("one more")
    assert [line.message for line in book.take(closing=True)] == [
        "1 more line was dropped: the log of an attempt is full"
    ]


def test_bytes_are_bounded_as_they_travel(book: Book) -> None:
    for _ in range(100):
        book.write("\x01" * LONGEST)
    assert len(msgspec.json.encode(book.take())) < MOST_BYTES + 100 * 100


def test_a_long_message_is_cut(book: Book) -> None:
    book.write("x" * (LONGEST + 1))
    [line] = book.take()
    assert len(line.message) == LONGEST
    assert line.message.endswith("x…")


def test_an_unknown_level_is_information(book: Book) -> None:
    word: Any = "LOUD"
    book.write("hello", word)
    assert book.take()[0].level == "INFO"


def test_what_is_no_text_becomes_one(book: Book) -> None:
    book.write({"n": 1})
    book.write("half \ud800")
    assert [line.message for line in book.take()] == ["{'n': 1}", "half ?"]
