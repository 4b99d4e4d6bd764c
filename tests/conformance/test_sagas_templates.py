"""What templates of a running saga see."""

from tests.conformance.client import RETRY, Sagas, Service, calling, reply, sent

from mainspring.testing.sagas import graph


async def test_templates_see_all_that_the_contract_names(sagas: Sagas, service: Service) -> None:
    service.on("/a", reply({"items": [{"sku": "x"}, {"sku": "y"}], "n": 2}, x_mark="m"))
    body = {
        "list": "{{nodes.a.response.body.items}}",
        "number": "{{nodes.a.response.body.n}}",
        "status": "{{nodes.a.response.status}}",
        "mark": "{{nodes.a.response.headers.x-mark}}",
        "prev": "{{prev.body.n}}",
        "byName": "{{step.a.body.n}}",
        "byIndex": "{{step.0.body.n}}",
        "both": "{{payload.who}} {{input.who}}",
        "saga": "{{sagaName}} {{sagaVersion}} {{stepName}} {{phase}}",
        "id": "{{sagaId}}",
        "skus": "{{#nodes.a.response.body.items}}{{sku}};{{/nodes.a.response.body.items}}",
        "none": "{{payload.none}}",
    }
    request = {
        "body": body,
        "url": service.url + "/b?who={{payload.who}}",
        "headers": {"X-Who": "{{payload.who}}"},
    }
    nodes = [calling(service, "a", "b"), calling(service, "b")]
    nodes[1]["action"]["request"] |= request
    who = 'Ann & "Bo"\r\nX-Evil: 1'
    ended = await sagas.ran(graph(*nodes, name="named"), {"who": who})
    assert ended["status"] == "SUCCEEDED"
    (made,) = service.calls("/b")
    assert sent(made) == {
        "list": [{"sku": "x"}, {"sku": "y"}],
        "number": 2,
        "status": 200,
        "mark": "m",
        "prev": 2,
        "byName": 2,
        "byIndex": 2,
        "both": f"{who} {who}",
        "saga": "named v1 b UP",
        "id": ended["id"],
        "skus": "x;y;",
        "none": "",
    }
    assert made.path.endswith("?who=Ann%20%26%20%22Bo%22%0D%0AX-Evil%3A%201")
    assert "x-evil" not in made.headers
    assert made.headers["content-type"] == "application/json"


async def test_each_try_of_a_step_carries_the_same_idempotency_key(
    sagas: Sagas, service: Service
) -> None:
    service.on("/a", reply(status=503), reply(status=503), reply())
    await sagas.ran(graph(calling(service, "a", "b"), calling(service, "b"), failureHandling=RETRY))
    keys = [made.key for made in service.calls("/a")]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert service.calls("/b")[0].key not in keys
    assert all(made.headers["traceparent"] for made in service.calls("/a"))
