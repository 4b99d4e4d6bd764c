"""transform.rename: names change, values stay, and none is lost by a clash."""

import pytest

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused

ITEMS = [{"user_id": 1, "user_name": "A", "age": 3}, {"age": 4}]


async def test_mapping_goes_before_the_pattern_and_old_names_count() -> None:
    found = await done(
        "transform.rename",
        items=ITEMS,
        mapping={"user_id": "key"},
        regex={"pattern": "^USER_(.*)$", "replacement": r"the_\1", "flags": "i"},
        omit=["age"],
    )
    assert found["items"] == [{"key": 1, "the_name": "A"}, {}]


async def test_pick_keeps_these_in_this_order() -> None:
    found = await done("transform.rename", items=ITEMS, pick=["age", "user_id", "age"])
    assert [list(each) for each in found["items"]] == [["age", "user_id"], ["age"]]


@pytest.mark.parametrize(
    ("items", "more", "said"),
    [
        ([{"a": 1}, {"a": 1, "b": 2}], {"mapping": {"a": "b"}}, "items[1]: 'a' and 'b' would both"),
        ([{"a": 1, "b": 2}], {"mapping": {"a": "c", "b": "c"}}, "items[0]: 'a' and 'b' would both"),
        ([1], {}, "items[0] is a number, not an object"),
        ([], {"regex": {"pattern": "(", "replacement": ""}}, "regex.pattern: missing ): ("),
        ([], {"regex": {"pattern": "a", "replacement": r"\2"}}, "replacement: character 1: the"),
    ],
)
async def test_what_cannot_be_renamed_is_told(items: Json, more: Json, said: str) -> None:
    assert (await refused("transform.rename", items=items, **more)).startswith(said)
