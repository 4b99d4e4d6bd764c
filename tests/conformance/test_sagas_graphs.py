"""Sleeping, looping, branching."""

from tests.conformance.client import Sagas, Service, calling, reply, sent, undo

from mainspring.testing.sagas import graph, join, sleep, split, switch


async def test_a_sleep_ends_by_itself(sagas: Sagas, service: Service) -> None:
    ended = await sagas.ran(graph(sleep("nap", 50, "a"), calling(service, "a")))
    assert ended["status"] == "SUCCEEDED"
    assert [each["phase"] for each in await sagas.steps(ended["id"])] == ["UP"]


async def test_a_sleep_until_the_past_is_over_at_once(sagas: Sagas, service: Service) -> None:
    nap = {"kind": "sleep", "id": "nap", "until": "2001-01-01T00:00:00Z", "next": "a"}
    assert (await sagas.ran(graph(nap, calling(service, "a"))))["status"] == "SUCCEEDED"


async def test_a_loop_by_switch_goes_round_until_its_condition_holds(
    sagas: Sagas, service: Service
) -> None:
    rounds = iter(range(1, 9))
    service.respond("/a", lambda _: reply({"n": next(rounds)}))
    again = {"<": [{"var": "nodes.a.response.body.n"}, 3]}
    definition = graph(
        calling(service, "a", "again"),
        switch("again", "end", (again, "a")),
        calling(service, "end"),
    )
    assert (await sagas.ran(definition))["status"] == "SUCCEEDED"
    assert service.order() == ["/a", "/a", "/a", "/end"]
    keys = {made.key for made in service.calls("/a")}
    assert len(keys) == 3


async def test_a_condition_that_cannot_be_evaluated_fails_the_run_with_the_reason(
    sagas: Sagas, service: Service
) -> None:
    rule = {">": [{"var": "payload.amount"}, 100]}
    node = calling(service, "a")
    ended = await sagas.ran(graph(switch("s", "a", (rule, "a")), node), {"amount": {"not": 1}})
    assert ended["status"] == "FAILED"
    assert ended["failureDescription"].startswith("node s: cases[0].when cannot be evaluated")
    assert service.order() == []


async def test_branches_run_side_by_side_and_meet_at_their_join(
    sagas: Sagas, service: Service
) -> None:
    service.on("/start", reply({"n": 1}))
    service.on("/left", reply({"l": 1}, delay=0.2))
    service.on("/right", reply({"r": 2}, delay=0.2))
    body = {"body": {"saw": "{{nodes.start.response.body.n}}"}}
    definition = graph(
        calling(service, "start", "fork"),
        split("fork", "meet", "left", "right"),
        calling(service, "left", "meet", request=body),
        calling(service, "right", request=body),
        join("meet", "end"),
        calling(service, "end", request={"body": "{{nodes.left.response.body.l}}"}),
    )
    id = await sagas.run(definition)
    assert (await sagas.until(id, "WAITING_JOIN"))["currentNodes"] == ["left", "right"]
    assert (await sagas.end(id))["status"] == "SUCCEEDED"
    left, right = service.calls("/left")[0], service.calls("/right")[0]
    assert abs(left.at - right.at) < 0.2
    assert sent(left) == sent(right) == {"saw": 1}
    phases = [each["phase"] for each in await sagas.steps(id)]
    assert phases == ["UP", "SPLIT", "UP", "UP", "JOIN", "UP"]
    joined = (await sagas.steps(id))[4]["responseBody"]
    assert joined["expected"] == 2
    assert joined["allSucceeded"]


async def test_a_failed_branch_fails_the_run_and_the_others_are_undone(
    sagas: Sagas, service: Service
) -> None:
    service.on("/right", reply(status=500, delay=0.3))
    definition = graph(
        split("fork", "meet", "left", "right"),
        calling(service, "left", compensation=undo(service, "left")),
        calling(service, "right"),
        join("meet", "end"),
        calling(service, "end"),
    )
    ended = await sagas.ran(definition)
    assert ended["status"] == "FAILED"
    assert service.order()[-1] == "/undo-left"
    assert not service.calls("/end")


async def test_a_join_may_go_on_over_a_failed_branch(sagas: Sagas, service: Service) -> None:
    service.on("/right", reply(status=500))
    all_well = {"var": "nodes.meet.response.body.allSucceeded"}
    definition = graph(
        split("fork", "meet", "left", "right"),
        calling(service, "left"),
        calling(service, "right"),
        join("meet", "well", onBranchFailure="continue"),
        switch("well", "bad", (all_well, "good")),
        calling(service, "bad"),
        calling(service, "good"),
    )
    assert (await sagas.ran(definition))["status"] == "SUCCEEDED"
    assert service.order()[-1] == "/bad"
