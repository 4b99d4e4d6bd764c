"""Many callers of one run at once: each gets the answer that is right for it, and none a 503."""

import asyncio
from collections import Counter

from tests.conformance.client import Sagas, Service, awaiting

from mainspring.testing.sagas import graph, join, split, task

MANY = 50


async def test_fifty_callbacks_of_fifty_branches_are_all_taken(
    sagas: Sagas, service: Service
) -> None:
    refs = [f"b{n}" for n in range(MANY)]
    action = awaiting(service)["action"]
    branches = [task(ref, "all", action=action) for ref in refs]
    id = await sagas.run(graph(split("s", "all", *refs), *branches, join("all")))
    made = await service.called("/ask", MANY)
    answers = await asyncio.gather(*(sagas.answer(each, {"ok": True}) for each in made))
    assert Counter(answers) == {202: MANY}
    assert (await sagas.end(id))["status"] == "SUCCEEDED"


async def test_of_fifty_answers_to_one_callback_just_one_is_taken(
    sagas: Sagas, service: Service
) -> None:
    id = await sagas.run(graph(awaiting(service)))
    await sagas.until(id, "WAITING_CALLBACK")
    [made] = service.calls("/ask")
    answers = await asyncio.gather(*(sagas.answer(made, {"n": n}) for n in range(MANY)))
    assert Counter(answers) == {202: 1, 409: MANY - 1}
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
