"""A page of the audit log costs a bounded look, whatever its filter fits."""

import pytest

from mainspring.domain.envelope import EMPTY, Meta, StreamId, seal
from mainspring.domain.kv import ValueSet
from mainspring.ports import Append
from mainspring.store.memory import MemoryStore
from mainspring_api.dialects.audit import wanted as module
from mainspring_api.dialects.audit.wanted import Wanted, page_of

COUNT = 50


@pytest.fixture
async def store() -> MemoryStore:
    """A log of values of which the oldest alone is asked for."""
    store = MemoryStore()
    for n in range(COUNT):
        stream = StreamId("kv", f"k{n}")
        event = ValueSet(key=f"k{n}", at=float(n))
        sealed = seal(stream, EMPTY, [event], meta=Meta(), project="p", now=1000.0 + n)
        await store.log.append([Append(stream, EMPTY, sealed, ())])
    return store


async def test_a_page_that_came_to_its_bound_is_short_and_leads_on(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 5)
    monkeypatch.setattr(module, "MOST_LOOKED_AT", 10)
    wanted, before, pages = Wanted(("ValueSet",), resource="k0"), None, 0
    while True:
        found = await page_of(store.log, "p", wanted, before=before, limit=2)
        pages += 1
        if found.after is None:
            break
        assert found.events == []
        before = found.after
    assert [each.stream.id for each in found.events] == ["k0"]
    assert pages > 2


async def test_what_is_too_old_is_not_looked_through(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 5)
    wanted = Wanted(("ValueSet",), since=1000.0 + COUNT - 2)
    found = await page_of(store.log, "p", wanted, before=None, limit=4)
    assert [each.stream.id for each in found.events] == [f"k{COUNT - 1}", f"k{COUNT - 2}"]
    assert found.after is None
