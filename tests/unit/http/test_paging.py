"""Cursors and limits of lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.errors import DefinitionInvalid
from mainspring.http.paging import cursor, next_page, page_query, read_cursor
from mainspring.ports import Page

INSTANTS = st.floats(min_value=0, max_value=253_402_300_799)
IDS = st.text("0123456789abcdef-", min_size=1, max_size=64)


@given(INSTANTS, IDS)
def test_a_cursor_leads_back_to_exactly_its_row(at: float, id: str) -> None:
    assert read_cursor(cursor(at, id)) == Page(at, id)


@given(INSTANTS, IDS, st.data())
def test_a_cursor_with_one_character_changed_is_refused_or_is_another_place(
    at: float, id: str, data: st.DataObject
) -> None:
    text = cursor(at, id)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCxyz019_-=~ é"))
    changed = text[:place] + other + text[place + 1 :]
    page = read_cursor(changed)
    assert page is None or cursor(page.at, page.id) == changed


@given(st.text(max_size=500))
def test_no_text_breaks_the_reading_of_a_cursor(text: str) -> None:
    read_cursor(text)


@pytest.mark.parametrize("text", ["WzFlOTk5LCJ4Il0", "W05hTiwieCJd", "e30", "WzEsMl0", "!"])
def test_a_made_up_cursor_is_refused(text: str) -> None:
    assert read_cursor(text) is None


def test_without_parameters_the_first_fifty_are_meant() -> None:
    assert page_query({}) == (50, None)


def test_all_faults_of_a_page_query_are_told_at_once() -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        page_query({"limit": "0", "cursor": "nonsense"})
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["limit", "cursor"]


@pytest.mark.parametrize("text", ["501", "-1", "", "1e2", "²", "9" * 5000])
def test_a_limit_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(DefinitionInvalid, match="limit: must be a whole number from 1 to 500"):
        page_query({"limit": text})


def test_the_next_page_keeps_the_filters() -> None:
    headers = next_page("/sagas", {"status": "failed", "cursor": "old"}, "new")
    assert headers["Link"] == '</sagas?status=failed&cursor=new>; rel="next"'
    assert headers["X-Next-Cursor"] == "new"
