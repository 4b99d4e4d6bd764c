"""`util.uuid`, `util.random` and `util.kv`."""

from base64 import b64decode
from uuid import RFC_4122, UUID

import pytest

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, failure, unfit
from mainspring.testing.plugins import TestContext


@pytest.mark.parametrize("version", [4, 7])
async def test_ids_are_new_and_of_their_version(context: TestContext, version: int) -> None:
    output = await done("util.uuid", context, version=version, count=50)
    assert output["uuid"] == output["uuids"][0]
    assert len(set(output["uuids"])) == 50
    assert {UUID(each).version for each in output["uuids"]} == {version}
    assert {UUID(each).variant for each in output["uuids"]} == {RFC_4122}


async def test_version_7_rises_and_tells_the_time(context: TestContext) -> None:
    ids = (await done("util.uuid", context, version=7, count=50))["uuids"]
    assert ids == sorted(ids)
    assert UUID(ids[0]).int >> 80 == int(context.clock.now() * 1000)


async def test_id_of_a_name_is_always_the_same(context: TestContext) -> None:
    space = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    by_word = await done("util.uuid", context, version=5, namespace="dns", name="a", count=2)
    by_uuid = await done("util.uuid", context, version=5, namespace=space, name="a")
    assert by_word["uuids"] == [by_uuid["uuid"]] * 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"version": 5}, "name: is needed for version 5"),
        ({"version": 5, "name": "a", "namespace": "shop"}, "namespace: is none of dns"),
        ({"version": 5, "name": "\ud800"}, "name: holds half a character"),
    ],
)
async def test_bad_name_is_told(context: TestContext, given: dict[str, Json], told: str) -> None:
    failed = await failure("util.uuid", context, **given)
    assert failed.final
    assert str(failed).startswith(told)


@pytest.mark.parametrize("secure", [True, False])
async def test_draws_keep_their_bounds(context: TestContext, secure: bool) -> None:
    async def draw(**given: Json) -> Json:
        return (await done("util.random", context, secure=secure, **given))["value"]

    assert {await draw(min=1, max=3) for _ in range(60)} == {1, 2, 3}
    assert 0 <= await draw(kind="float") <= 1
    assert set(await draw(kind="string", length=50, alphabet="ab")) == {"a", "b"}
    assert len(b64decode(await draw(kind="bytes", length=9))) == 9
    assert await draw(kind="choice", choices=[{"a": 1}]) == {"a": 1}


async def test_what_need_not_be_secure_is_the_same_for_the_same_chance() -> None:
    given: dict[str, Json] = {"kind": "string", "secure": False}
    one = await done("util.random", TestContext(), **given)
    assert one == await done("util.random", TestContext(), **given)
    assert one != await done("util.random", TestContext(), kind="string")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"min": 2, "max": 1}, "max: 1 is less than min, 2"),
        ({"min": 0.5}, "min: is no whole number"),
        ({"max": 1e300}, "max: is no whole number"),
        ({"kind": "float", "min": -1e308, "max": 1e308}, "max: lies too far from min"),
        ({"kind": "choice"}, "choices: is needed for the kind choice"),
    ],
)
async def test_bad_bounds_are_told(context: TestContext, given: dict[str, Json], told: str) -> None:
    failed = await failure("util.random", context, **given)
    assert failed.final
    assert str(failed).startswith(told)


async def test_keys_live_in_their_namespace_and_end_with_their_time(context: TestContext) -> None:
    await done("util.kv", context, op="set", key="k", value=[1], ttl="1m")
    await done("util.kv", context, op="set", key="k", value=2, namespace="other")
    output = await done("util.kv", context, op="get", key="k")
    assert output == {"value": [1], "found": True}
    assert await context.kv.get(context.project, "k") == ([1],)
    await context.clock.sleep(60)
    output = await done("util.kv", context, op="get", key="k", default="gone")
    assert output == {"value": "gone", "found": False}
    output = await done("util.kv", context, op="get", key="k", namespace="other")
    assert output["value"] == 2


async def test_keys_are_listed_counted_and_deleted(context: TestContext) -> None:
    for key in ("a1", "a2", "b"):
        await done("util.kv", context, op="incr", key=key, by=2)
    assert (await done("util.kv", context, op="incr", key="a1", by=0.5))["value"] == 2.5
    assert await done("util.kv", context, op="list", key="a") == {"keys": ["a1", "a2"]}
    assert await done("util.kv", context, op="list", limit=1) == {"keys": ["a1"]}
    assert await done("util.kv", context, op="delete", key="a1") == {"found": True}
    assert await done("util.kv", context, op="delete", key="a1") == {"found": False}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"op": "get"}, "key: is needed for the operation get"),
        ({"op": "get", "key": ""}, "key: is empty"),
        ({"op": "set", "key": "k"}, "value: is needed"),
        ({"op": "set", "key": "k", "value": 1, "ttl": 0}, "ttl: is no span of time"),
        ({"op": "incr", "key": "text"}, "text: the value is not a number"),
    ],
)
async def test_bad_use_of_the_store_is_told(
    context: TestContext, given: dict[str, Json], told: str
) -> None:
    await context.kv.set(context.project, "text", "a", ttl=None)
    failed = await failure("util.kv", context, **given)
    assert failed.final
    assert str(failed).startswith(told)
    assert unfit("util.kv", {"op": "list", "limit": 0})[0].startswith("limit")
