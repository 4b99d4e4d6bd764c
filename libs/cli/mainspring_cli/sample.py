"""The first saga that a person sees: the hello-world request, against the local echo endpoint."""

import asyncio
from time import monotonic
from typing import Any, NamedTuple, TypeAlias, TypeVar

import httpx
import msgspec

JsonObject: TypeAlias = dict[str, Any]
T = TypeVar("T")

PATIENCE_S = 30.0
POLL_S = 0.05
ENDED = frozenset({"SUCCEEDED", "FAILED", "CORRUPTED", "CANCELED"})


class SampleFailed(RuntimeError):
    """The sample saga was refused, or did not end in time."""


class Outcome(NamedTuple):
    saga: JsonObject
    steps: list[JsonObject]
    seconds: float

    @property
    def succeeded(self) -> bool:
        return self.saga["status"] == "SUCCEEDED"


def hello_world(echo_url: str) -> JsonObject:
    """Return the request body; only the host of the URL is ours."""
    return {
        "definition": {
            "name": "inline",
            "version": "v1",
            "failureHandling": {"type": "retry", "maxAttempts": 1, "delayMillis": 200},
            "entrypoint": "notify",
            "nodes": [
                {
                    "kind": "task",
                    "id": "notify",
                    "action": {
                        "mode": "sync",
                        "request": {"url": f"{echo_url}/run", "verb": "POST"},
                    },
                }
            ],
        },
        "payload": {"orderId": "123"},
    }


async def run_sample(client: httpx.AsyncClient, api_url: str, echo_url: str) -> Outcome:
    """Start the saga and follow it to its end; raise `SampleFailed`."""
    began = monotonic()
    answer = await client.post(f"{api_url}/sagas/run", json=hello_world(echo_url))
    if answer.status_code != 202:
        raise SampleFailed(f"POST /sagas/run answered {answer.status_code}: {answer.text[:500]}")
    saga = f"{api_url}/sagas/{answer.json()['id']}"
    state = await _follow(client, saga, began + PATIENCE_S)
    seconds = monotonic() - began
    return Outcome(state, await _read(client, f"{saga}/steps", list[JsonObject]), seconds)


async def _follow(client: httpx.AsyncClient, saga: str, deadline: float) -> JsonObject:
    while (state := await _read(client, saga, JsonObject))["status"] not in ENDED:
        if monotonic() > deadline:
            raise SampleFailed(f"{saga} is still {state['status']} after {PATIENCE_S:g} s")
        await asyncio.sleep(POLL_S)
    return state


async def _read(client: httpx.AsyncClient, url: str, shape: type[T]) -> T:
    answer = await client.get(url)
    if answer.status_code != 200:
        raise SampleFailed(f"GET {url} answered {answer.status_code}: {answer.text[:500]}")
    return msgspec.json.decode(answer.content, type=shape)
