"""Links to approvals on memory alone: keys that come and go, and a log that is away."""

import asyncio

import httpx
import pytest

from mainspring.bus.memory import MemoryBus
from mainspring.domain.envelope import Meta
from mainspring.domain.errors import LogUnavailable
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.http.health import Health
from mainspring.ports import ApprovalDetail
from mainspring.runtime.clock import SystemClock
from mainspring.runtime.config import CallbackKey, Config
from mainspring.runtime.engine import Start
from mainspring.runtime.world import World
from mainspring.store.memory import MemoryStore
from mainspring.testing.shapes import approval, dag
from mainspring_api.app import application
from mainspring_api.context import Api, api_of
from mainspring_api.gateway import Gateway

OLD, NEW = (CallbackKey(name, name.encode() * 16) for name in ("old", "new"))
RUN = "01920000-0000-7000-8000-000000000001"


def process(store: MemoryStore, *keys: CallbackKey) -> tuple[Api, httpx.AsyncClient]:
    """Return a process of the api with these keys on a log, and a client of it."""
    clock = SystemClock()
    config = Config(
        service="api", database_url="", nats_url="", callback_keys=keys, public_url="http://api"
    )
    world = World(
        config=config,
        log=store.log,
        views=store.views,
        blobs=store.blobs,
        snapshots=store.snapshots,
        bus=MemoryBus(clock),
        health=Health(clock),
        draining=asyncio.Event(),
    )
    api = api_of(world)
    app = application(world, api, Gateway("http://127.0.0.1:1", world.draining))
    return api, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")


async def ask(api: Api, approver: str = "ann") -> str:
    """Begin a run that asks somebody for an approval; return the approval's id."""
    start = Start(id=RUN, project="default", dialect="native", name="w", version="1")
    x = await api.engine.start(dag(approval("ok", approver)), start, Meta())
    events = decide(c.Advance(now=api.engine.clock.now(), seed="s"), x)
    decided = api.engine.prepare(x, events, meta=Meta())
    await api.engine.log.append([decided.append])
    (found,) = await api.views.approvals("default")
    return found.row.id


async def linked(http: httpx.AsyncClient, id: str, approver: str = "ann") -> httpx.Response:
    return await http.post(f"/v1/approvals/{id}/link", json={"approver": approver})


async def test_without_a_key_no_link_is_made_and_none_holds() -> None:
    store = MemoryStore()
    api, http = process(store, OLD)
    id = await ask(api)
    url = (await linked(http, id)).json()["url"]
    _, keyless = process(store)
    answer = await linked(keyless, id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert (await keyless.get(url)).status_code == 404


async def test_a_link_holds_while_its_key_is_among_those_that_verify() -> None:
    store = MemoryStore()
    api, http = process(store, OLD)
    url = (await linked(http, await ask(api))).json()["url"]
    _, rotated = process(store, NEW, OLD)
    assert (await rotated.get(url)).status_code == 200
    _, forgetful = process(store, NEW)
    assert (await forgetful.get(url)).status_code == 404
    done = await rotated.post(url, data={"decision": "approve"})
    assert done.status_code == 200
    (found,) = await api.views.approvals("default")
    assert (found.row.status, found.row.decided_by) == ("approved", "ann")


async def test_a_link_decides_for_a_name_that_no_header_can_carry() -> None:
    api, http = process(MemoryStore(), OLD)
    answer = await linked(http, await ask(api, "Jürgen Ω"), "Jürgen Ω")
    assert answer.status_code == 201, answer.text
    url = answer.json()["url"]
    assert "Jürgen Ω" in (await http.get(url)).text
    assert (await http.post(url, data={"decision": "reject", "comment": "ö"})).status_code == 200
    (found,) = await api.views.approvals("default")
    assert (found.row.decided_by, found.row.reason) == ("Jürgen Ω", "ö")


async def test_a_page_says_to_come_back_while_the_log_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    api, http = process(store, OLD)
    url = (await linked(http, await ask(api))).json()["url"]

    async def away(*, project: str | None, id: str) -> ApprovalDetail | None:
        raise LogUnavailable(f"no answer about {id} of {project}", delay=2.0)

    monkeypatch.setattr(store.views, "approval", away)
    for answer in (await http.get(url), await http.post(url, data={"decision": "approve"})):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_token_of_a_link_stands_in_no_event() -> None:
    store = MemoryStore()
    api, http = process(store, OLD)
    id, key = await ask(api), {"Idempotency-Key": "k"}
    path, body = f"/v1/approvals/{id}/link", {"approver": "ann"}
    first = await http.post(path, json=body, headers=key)
    again = await http.post(path, json=body, headers=key)
    assert again.json() == first.json()
    signature = first.json()["url"].rpartition(".")[2]
    log = await store.log.read_all(after=0, limit=1000)
    assert [event.meta.actor for event in log if event.type == "RequestAnswered"] == ["anonymous"]
    assert not any(signature in repr(event) for event in log)
