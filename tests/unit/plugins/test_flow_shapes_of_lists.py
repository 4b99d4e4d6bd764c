"""flow.flatten, flow.chunk, flow.limit: the shape changes, and no element is lost unasked."""

from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, unfit


async def test_flatten_takes_apart_as_deep_as_asked_and_leaves_objects_alone() -> None:
    items = [1, [2, [3, [4]]], {"a": [5]}, "six", []]
    assert (await done("flow.flatten", items=items))["items"] == [1, 2, [3, [4]], {"a": [5]}, "six"]
    deep = await done("flow.flatten", items=items, depth=100)
    assert deep["items"] == [1, 2, 3, 4, {"a": [5]}, "six"]
    assert (await done("flow.flatten", items=items, depth=0))["items"] == items


async def test_flatten_of_a_tower_of_lists_ends() -> None:
    tower: Json = []
    for _ in range(500):
        tower = [tower]
    assert len((await done("flow.flatten", items=tower, depth=100))["items"]) == 1


@given(items=st.lists(st.integers()), size=st.integers(1, 9))
async def test_chunks_are_the_list_in_pieces_of_one_size(items: Json, size: int) -> None:
    chunks = (await done("flow.chunk", items=items, size=size))["chunks"]
    assert [each for chunk in chunks for each in chunk] == items
    assert all(len(chunk) == size for chunk in chunks[:-1])


def test_chunk_refuses_a_size_of_nought() -> None:
    assert unfit("flow.chunk", {"items": [1], "size": 0}) == [
        "size: 0 is less than the minimum of 1"
    ]


async def test_limit_counts_from_either_side() -> None:
    items = [1, 2, 3, 4, 5]
    assert (await done("flow.limit", items=items, count=2, offset=1))["items"] == [2, 3]
    from_end = {"items": items, "from": "end"}
    assert (await done("flow.limit", count=2, **from_end))["items"] == [4, 5]
    assert (await done("flow.limit", count=2, offset=1, **from_end))["items"] == [3, 4]
    assert (await done("flow.limit", count=9, offset=3, **from_end))["items"] == [1, 2]
    assert (await done("flow.limit", count=1, offset=9, **from_end))["items"] == []
    assert (await done("flow.limit", count=0, items=items))["items"] == []
