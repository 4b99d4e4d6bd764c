"""A value that grows step by step: measured seldom, bounded all the same."""

import pytest

from mainspring.domain.expression import ExpressionTooLarge, Value, compile_template
from mainspring.domain.expression.gathering import LEAST, RATIO, Gathering


def gather(expression: str, count: int, initial: Value = None) -> tuple[Gathering, Value]:
    gathering = Gathering(compile_template(f"{{{{ {expression} }}}}", "jinja"))
    acc = initial
    for index in range(count):
        acc = gathering.step({"acc": acc, "item": {"n": index}, "index": index})
    return gathering, gathering.end(acc)


@pytest.mark.parametrize("count", [1_000, 4_000, 10_000])
def test_measuring_what_was_gathered_takes_a_small_part_of_all_steps(count: int) -> None:
    gathering, found = gather("acc + [item]", count, [])
    assert found == [{"n": index} for index in range(count)]
    assert gathering.measured <= gathering.taken // RATIO + 2 * count


def test_numbers_cost_no_measuring() -> None:
    gathering, found = gather("acc + index", 10_000, 0)
    assert found == sum(range(10_000))
    assert gathering.measured == 0


def test_a_step_over_a_large_value_pays_for_what_it_makes_and_not_for_the_value() -> None:
    template = compile_template("{{ acc }}", "jinja")
    small = list[Value](range(10))
    large = list[Value](range(100_000))
    assert template.carry({"acc": small})[1] == template.carry({"acc": large})[1]


@pytest.mark.parametrize(
    "expression",
    ["acc + acc", "[acc, acc]", "acc ~ acc", "[acc]", "acc + ['x' * 1000000]"],
)
def test_what_grows_without_end_is_refused(expression: str) -> None:
    initial: Value = "x" if "~" in expression else [1]
    with pytest.raises(ExpressionTooLarge):
        gather(expression, 1_000, initial)


def test_what_grows_without_end_in_memory_is_refused_on_the_way() -> None:
    gathering = Gathering(compile_template("{{ acc + ['x' * 1000000] }}", "jinja"))

    def grow() -> None:
        acc: Value = []
        while gathering.taken <= LEAST:
            acc = gathering.step({"acc": acc})

    with pytest.raises(ExpressionTooLarge):
        grow()
