"""What is larger than a message of the broker travels all the same: requests and answers."""

import msgspec
from tests.conformance.client import Sagas, Service, calling, reply, sent

from mainspring.testing.sagas import graph

MESSAGE = 1 << 20
"""Bytes that the broker takes in one message."""


async def test_a_request_as_large_as_a_definition_may_be_is_made(
    sagas: Sagas, service: Service
) -> None:
    # A number with an exponent is written out, so the task is larger than what was sent.
    numbers = "[" + ",".join(["1e15"] * 200_000) + "]"
    body = '{"list":' + numbers + ',"who":"{{payload.who}}"}'
    node = calling(service, "a", "b", request={"body": "(here)"})
    definition = graph(node, calling(service, "b"))
    text = msgspec.json.encode({"definition": definition, "payload": {"who": "ann"}})
    whole = text.replace(b'"(here)"', body.encode())
    assert len(whole) < MESSAGE
    neighbour = await sagas.run(graph(calling(service, "c")))
    answer = await sagas.http.post(
        "/sagas/run", content=whole, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 202
    assert (await sagas.end(answer.json()["id"]))["status"] == "SUCCEEDED"
    assert (await sagas.end(neighbour))["status"] == "SUCCEEDED"
    [made] = service.calls("/a")
    assert len(made.body) > MESSAGE
    assert sent(made) == {"list": [1e15] * 200_000, "who": "ann"}


async def test_an_answer_that_is_larger_than_a_message_goes_on_to_the_next_step(
    sagas: Sagas, service: Service
) -> None:
    large = "x" * (2 * MESSAGE)
    service.on("/a", reply({"large": large}))
    last = calling(service, "b", request={"body": {"got": "{{nodes.a.response.body.large}}"}})
    ended = await sagas.ran(graph(calling(service, "a", "b"), last))
    assert ended["status"] == "SUCCEEDED"
    [made] = service.calls("/b")
    assert sent(made) == {"got": large}
