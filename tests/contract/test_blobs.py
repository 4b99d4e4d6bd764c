"""The law of the ports Blobs and Snapshots, for every adapter."""

import hashlib
from typing import TypeAlias

from mainspring.domain.envelope import Head
from mainspring.store.memory import MemoryStore
from mainspring.store.postgres import PostgresStore
from mainspring.testing.samples import execution_stream

Store: TypeAlias = MemoryStore | PostgresStore

A, B = execution_stream(1), execution_stream(2)


async def test_a_blob_is_found_under_its_own_hash(store: Store) -> None:
    data = bytes(range(256)) * 1000
    ref = await store.blobs.put(data)
    assert ref == hashlib.sha256(data).hexdigest()
    assert await store.blobs.get(ref) == data


async def test_the_same_blob_twice_is_one(store: Store) -> None:
    assert await store.blobs.put(b"x") == await store.blobs.put(b"x")


async def test_a_blob_that_was_never_stored_is_not_there(store: Store) -> None:
    assert await store.blobs.get("0" * 64) is None
    assert await store.blobs.get("\0") is None


async def test_a_value_is_kept_until_it_has_not_been_stored_for_long(store: Store) -> None:
    ref = await store.blobs.put(b"x")
    assert await store.blobs.forget(unused_for=60, limit=10) == 0
    assert await store.blobs.get(ref) == b"x"
    assert await store.blobs.forget(unused_for=0, limit=10) == 1
    assert await store.blobs.get(ref) is None
    assert await store.blobs.forget(unused_for=0, limit=10) == 0
    assert await store.blobs.put(b"x") == ref
    assert await store.blobs.get(ref) == b"x"


async def test_values_are_forgotten_by_and_by_the_oldest_first(store: Store) -> None:
    refs = [await store.blobs.put(bytes([n])) for n in range(5)]
    assert await store.blobs.forget(unused_for=0, limit=2) == 2
    assert [await store.blobs.get(ref) for ref in refs[:3]] == [None, None, bytes([2])]
    assert await store.blobs.forget(unused_for=0, limit=9) == 3


async def test_a_snapshot_is_loaded_with_its_head(store: Store) -> None:
    await store.snapshots.save(A, Head(3, b"h" * 32), b"state")
    assert await store.snapshots.load([A, B]) == {A: (Head(3, b"h" * 32), b"state")}
    assert await store.snapshots.load([]) == {}


async def test_an_older_snapshot_does_not_replace_a_later_one(store: Store) -> None:
    await store.snapshots.save(A, Head(3, b"h" * 32), b"new")
    await store.snapshots.save(A, Head(2, b"g" * 32), b"old")
    assert (await store.snapshots.load([A]))[A][1] == b"new"
    await store.snapshots.save(A, Head(4, b"i" * 32), b"newer")
    assert (await store.snapshots.load([A]))[A][1] == b"newer"
