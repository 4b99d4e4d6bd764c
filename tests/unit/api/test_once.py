"""One effect for one key, whoever serves the request."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from mainspring.domain.errors import LogUnavailable
from mainspring.domain.rows import ExecutionRow, IdempotencyRow
from mainspring.ports import Append, Appended, Refused
from mainspring.store.memory import MemoryStore
from mainspring.testing.patience import until
from mainspring.testing.sagas import hello_world

BODY: dict[str, Any] = {"definition": hello_world()}
KEY = {"Idempotency-Key": "k"}
Process = Callable[[], httpx.AsyncClient]


class Slow:
    """The log, whose next appends wait until they are let go, or fail."""

    def __init__(self, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting = 0
        self.go = asyncio.Event()
        self.fails = False
        self._append = store.log.append
        monkeypatch.setattr(store.log, "append", self.append)

    async def append(self, batch: Sequence[Append]) -> list[Appended | Refused]:
        self.waiting += 1
        await self.go.wait()
        if self.fails:
            raise LogUnavailable
        return await self._append(batch)


async def test_of_two_processes_one_has_the_effect_and_both_answer_the_same(
    process: Process, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(store, monkeypatch)
    one, other = process(), process()
    asked = [
        asyncio.create_task(client.post("/sagas/run", json=BODY, headers=KEY))
        for client in (one, other)
    ]
    await until(lambda: slow.waiting == 2)
    slow.go.set()
    first, second = await asyncio.gather(*asked)
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert len(store.tables.rows(ExecutionRow)) == 1


async def test_a_key_that_is_being_served_is_409(
    http: httpx.AsyncClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(store, monkeypatch)
    first = asyncio.create_task(http.post("/sagas/run", json=BODY, headers=KEY))
    await until(lambda: slow.waiting == 1)
    second = await http.post("/sagas/run", json=BODY, headers=KEY)
    assert second.status_code == 409
    slow.go.set()
    assert (await first).status_code == 202


async def test_what_failed_without_an_effect_can_be_asked_again(
    http: httpx.AsyncClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(store, monkeypatch)
    slow.go.set()
    slow.fails = True
    failed = await http.post("/sagas/run", json=BODY, headers=KEY)
    assert failed.status_code == 503
    assert failed.headers["retry-after"]
    slow.fails = False
    assert (await http.post("/sagas/run", json=BODY, headers=KEY)).status_code == 202


async def test_a_key_is_free_again_after_a_day(http: httpx.AsyncClient, store: MemoryStore) -> None:
    first = await http.post("/sagas/run", json=BODY, headers=KEY)
    (row,) = store.tables.rows(IdempotencyRow)
    yesterday = IdempotencyRow(
        **{name: getattr(row, name) for name in row.__struct_fields__ if name != "at"},
        at=row.at - 86_400.0,
    )
    store.tables.write(yesterday)
    second = await http.post("/sagas/run", json=BODY, headers=KEY)
    assert second.status_code == 202
    assert first.json() != second.json()


async def test_the_answer_is_kept_in_the_event_that_has_the_effect(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    answer = await http.post("/sagas/run", json=BODY, headers=KEY | {"X-Actor-Id": "ann"})
    (event,) = [each for each in store.tables.log if each.stream.category == "execution"]
    assert event.meta.actor == "ann"
    assert event.meta.request_id == answer.headers["x-request-id"]
    assert event.meta.idempotency is not None
    assert event.meta.idempotency.response == answer.text
    assert event.meta.idempotency.route == "POST /sagas/run"
