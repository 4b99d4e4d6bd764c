"""What the operator lets projects and workflows have, and how what is short is shared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.limits import Limits, Scope, parse
from mainspring.domain.shares import Shares


def said(text: str, project: str = "acme", workflow: str = "order") -> set[tuple[str, int, str]]:
    """Return what holds for one more run: kind, number and scope."""
    return {(one.kind, one.most, str(one.scope)) for one in parse(text).of(project, workflow)}


def test_without_rules_nothing_is_limited() -> None:
    assert said("") == set()
    assert not parse(" ; ")
    assert parse("* runs=1")


def test_the_narrower_scope_holds_kind_by_kind() -> None:
    text = "* runs=10 starts=5; acme runs=20; */* queued=3; */order queued=4; acme/* queued=5"
    assert said(text) == {("runs", 20, "acme"), ("starts", 5, "acme"), ("queued", 5, "acme/order")}
    assert said(text, "other") == {
        ("runs", 10, "other"),
        ("starts", 5, "other"),
        ("queued", 4, "other/order"),
    }
    assert said(text + "; acme/order queued=0") >= {("queued", 0, "acme/order")}
    assert said(text, "other", "else") >= {("queued", 3, "other/else")}


def test_a_name_with_any_letters_can_be_written() -> None:
    assert said("acme/a%20b%3B%2Fc runs=1", workflow="a b;/c") == {("runs", 1, "acme/a b;/c")}


def test_a_limit_tells_what_is_counted_and_which_rule_says_so() -> None:
    one, two = parse("* starts=5; acme/* runs=2").of("acme", "order")
    assert str(one) == ("workflow order may have 2 runs that have not ended (limit acme/* runs)")
    assert str(two) == "the project may have 5 runs begun in a second (limit * starts)"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("acme", "`acme` is no scope with numbers, such as `acme starts=50`"),
        ("/order runs=1", "`/order runs=1` is no scope with numbers, such as `acme starts=50`"),
        ("acme run=1", "`run=1` is none of runs=N, starts=N, queued=N"),
        ("acme runs=-1", "`runs=-1`: a whole number from 0 to 10000000 is wanted"),
        ("acme runs=1 runs=2", "acme has runs twice"),
        ("acme runs=1; acme runs=2", "acme has runs twice"),
    ],
)
def test_a_text_that_means_nothing_is_refused_with_the_reason(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse(text)
    assert str(refused.value) == fault


def test_limits_are_equal_when_their_rules_are() -> None:
    assert parse("a runs=1; b runs=2") == parse("b runs=2;a runs=1")
    assert parse("a runs=1") != Limits()
    assert len({parse("a runs=1"), parse(" a  runs=1 ")}) == 1
    assert str(Scope("a", "b")) in repr(parse("a/b runs=1"))


def test_a_holder_alone_has_half_and_whoever_comes_next_finds_a_place() -> None:
    shares: Shares[str] = Shares(100)
    while shares.has_room("greedy"):
        shares.take("greedy")
    assert shares.held("greedy") == 50
    while shares.has_room("next"):
        shares.take("next")
    assert shares.held("next") == 25
    assert shares.has_room("third")
    shares.give_back("greedy", 50)
    assert (shares.total, shares.held("greedy")) == (25, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=300), st.integers(1, 40))
def test_there_are_never_more_than_all_places_and_none_is_forgotten(
    moves: list[tuple[int, bool]], most: int
) -> None:
    shares: Shares[int] = Shares(most)
    held = [0] * 6
    for holder, takes in moves:
        if takes and shares.has_room(holder):
            shares.take(holder)
            held[holder] += 1
        elif not takes and held[holder]:
            shares.give_back(holder)
            held[holder] -= 1
        assert shares.total == sum(held) <= most
        assert [shares.held(n) for n in range(6)] == held
