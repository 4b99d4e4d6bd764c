"""The page of the expressions names everything that may be called, and nothing that may not."""

import re
from pathlib import Path

import pytest

from mainspring.domain.expression.cel.functions import FUNCTIONS as CEL_FUNCTIONS
from mainspring.domain.expression.cel.functions import MACROS
from mainspring.domain.expression.cel.functions import METHODS as CEL_METHODS
from mainspring.domain.expression.jinja.judges import TESTS
from mainspring.domain.expression.jinja.library import FILTERS, FUNCTIONS, METHODS

PAGE = Path(__file__).parents[3] / "docs" / "expressions.md"


def section(title: str) -> set[str]:
    """Return the words in code of one section."""
    text = PAGE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}


@pytest.mark.parametrize("names", [FILTERS, METHODS, FUNCTIONS, TESTS], ids="fmct")
def test_all_that_a_template_of_jinja_may_call_is_on_the_page(names: dict[str, object]) -> None:
    assert {name for name in names if name.isidentifier()} <= section("Jinja")


def test_all_that_an_expression_of_cel_may_call_is_on_the_page() -> None:
    assert {*CEL_FUNCTIONS, *CEL_METHODS, *MACROS, "has", "default"} <= section("CEL")
