"""No sequence of requests gives a 500, or an answer that the OpenAPI document does not tell of.

Nonsense about nothing is refused early.  So things are made first, and their ids go into the routes
that take them, with bodies that are nearly right.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, cast
from urllib.parse import quote

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.fits import misfit
from tests.conformance.flows import Flows, task, text
from tests.conformance.runs import saying
from tests.conformance.runs import workflow as workflow_text
from tests.fuzz.documents import CONFIGS, FLOW, NATIVE, SAGA, WORKFLOW
from tests.fuzz.law import examples
from tests.fuzz.mutants import TEXTS, VALUES, Tree, members, mutants, written
from tests.fuzz.mutants import texts as texts_of

from mainspring.http.operations import Operation
from mainspring.testing.sagas import graph
from mainspring.testing.stack import Platform
from mainspring_api.app import DOCUMENTED

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
PROJECT: Final = {"X-Project-Id": "sequences"}
Pools = dict[str, list[str]]

NAP: Final = {"kind": "sleep", "id": "nap", "durationMillis": 3_600_000}
ASK: Final = task("ask", "core.gate", properties={"message": "go on?"})
LATER: Final = task("later", "core.sleep", properties={"duration": "1h"})
STEPS: Final = [
    {"step_ref": "w", "step_type": "wait_for_event", "event_key": "sequences:{{run.id}}"},
    {"step_ref": "ok", "step_type": "approval"},
]
YAML: Final = text(task("a"), ASK, LATER, name="flow-one")
TEXT: Final = workflow_text(saying("a", "hi"), name="sequence")
TOLD: Final[dict[tuple[str, str], list[Tree]]] = {
    ("POST", "/api/v1/flows"): [{"yamlContent": YAML, "name": "flow-one"}],
    ("POST", "/api/v1/flows/validate"): [{"yamlContent": written(FLOW)}],
    ("PUT", "/api/v1/flows/{id}"): [{"yamlContent": YAML, "description": "d"}],
    ("POST", "/api/v1/flows/{id}/execute"): [{"inputs": {"a": 1}, "revision": 1}],
    ("PUT", "/api/v1/workflows/{name}"): [{"content": TEXT}],
    ("POST", "/api/v1/workflows/validate"): [{"content": written(WORKFLOW)}],
    ("POST", "/api/v1/workflows/{name}/rollback"): [{"version": 1}],
    ("POST", "/api/v1/run/{workflow}"): [{"inputs": {}, "version": 1}],
    ("POST", "/api/v1/retry/{execution}"): [{"from_step": "a"}],
    ("POST", "/v1/workflows"): [{"name": "S", "slug": "native-one", "steps": STEPS}, NATIVE],
    ("PATCH", "/v1/workflows/{id}"): [{"name": "T", "steps": STEPS, "tags": {"a": "b"}}],
    ("POST", "/sagas/definitions"): [graph(NAP, name="saga-one"), SAGA],
    ("PUT", "/sagas/definitions/{id}"): [graph(NAP, name="saga-one")],
    ("POST", "/sagas/run"): [{"definition": graph(NAP, name="saga-one"), "payload": {"a": 1}}],
    ("PUT", "/api/v1/kv/{namespace}/{key}"): [{"a": [1, "b", None]}],
    ("POST", "/api/v1/triggers/{id}/backfill"): [
        {"start": "2026-01-01T00:00:00Z", "end": "2026-01-03T00:00:00Z"}
    ],
}
"""Bodies that are right, where the example of the document says less."""

DRAWN: Final[dict[str, Any]] = {
    "yamlContent": FLOW | {"name": "flow-one"},
    "content": WORKFLOW | {"name": "sequence", "triggers": []},
}
"""Texts in bodies: what is stored of their mutants is run later on."""

LINKS: Final = (
    ("/api/v1/flows", "id", "flow"),
    ("/v1/workflows", "id", "workflow"),
    ("/sagas/definitions", "id", "saga"),
    ("/api/v1/triggers", "id", "trigger"),
    ("/api/v1/triggers", "key", "key"),
    ("/v1/approvals", "id", "approval"),
    ("/api/v1/plugins", "id", "plugin"),
    ("", "executionId", "execution"),
    ("", "execution_id", "execution"),
    ("/v1/workflow-runs", "id", "execution"),
    ("/sagas/run", "id", "execution"),
    ("/v1/workflows/{id}/trigger", "id", "execution"),
    ("", "cursor", "cursor"),
    ("", "token", "token"),
)
"""Where in which answers names of things stand: the start of a path, a member, a pool."""

TAKES: Final = (
    ("/api/v1/flows/", "flow"),
    ("/v1/workflows/", "workflow"),
    ("/sagas/definitions/", "saga"),
    ("/api/v1/triggers/", "trigger"),
    ("/v1/approvals/", "approval"),
    ("/api/v1/plugins/", "plugin"),
    ("", "execution"),
)
"""Whose id a path takes, by its start."""

NAMES: Final[Pools] = {
    "name": ["sequence", "saga-one"],
    "workflow": ["sequence", "native-one", "flow-one", "saga-one"],
    "namespace": ["sequences"],
    "key": ["a", "sequences:1"],
    "path:path": ["any/hook"],
    "prefix": ["sequences:"],
    "version": ["1", "2"],
    "rev": ["1", "2"],
    "ref": ["w", "ok", "a", "ask"],
    "nodeId": ["nap"],
    "token": ["t"],
}
HEADERS: Final = {
    "Idempotency-Key": ["a", "b", '"c"'],
    "If-Match": ['"1"', "1", "*", 'W/"1"', '"x"', '"1", "2"', "," * 300],
    "Accept": ["text/event-stream", "text/vnd.mermaid", "text/html", "*/*;q=0", ";"],
    "X-Signature-256": ["sha256=00", "sha256=", "="],
    "X-Timestamp": ["1", "9" * 15, "-1", "x"],
}
MADE: Final = [each for each in DOCUMENTED if each.method != "GET"]
BEGUN: Final = [each for each in MADE if each.method == "POST" and 201 in each.answers]
BEGUN.extend(each for each in MADE if each.method == "POST" and 202 in each.answers)


@pytest.fixture(scope="module")
def open_http(stack: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.api, timeout=30, headers=PROJECT) as client:
        yield client


@pytest.fixture(scope="module")
def pools(open_http: httpx.Client) -> Pools:
    """The names of some things that are there; each answer adds to them."""
    found: Pools = {}
    put = open_http.put("/api/v1/workflows/sequence", json={"content": TEXT})
    assert put.status_code in (200, 201), put.text
    for path, body in (
        ("/api/v1/flows", {"yamlContent": YAML}),
        ("/v1/workflows", {"name": "S", "slug": "native-one", "steps": STEPS}),
        ("/sagas/definitions", graph(NAP, name="saga-one")),
    ):
        answer = open_http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        learn(found, path, answer)
    for kind, config in CONFIGS.items():
        body = {"flowId": found["workflow"][0], "type": kind, "config": hook(config)}
        answer = open_http.post("/api/v1/triggers", json=body)
        assert answer.status_code == 201, answer.text
        learn(found, "/api/v1/triggers", answer)
    flow, workflow = found["flow"][0], found["workflow"][0]
    learn(found, "", open_http.post(f"/api/v1/flows/{flow}/execute", json={}))
    begun = open_http.post(f"/v1/workflows/{workflow}/trigger", json={})
    learn(found, "/v1/workflow-runs", begun)
    return found


def hook(config: dict[str, Any]) -> dict[str, Any]:
    """Return what a trigger is told, in this project, and so that nobody waits for it."""
    changed = {"flowId": "sequence"} if "flowId" in config else {}
    return config | changed | ({"mode": "immediate"} if "mode" in config else {})


def learn(pools: Pools, path: str, answer: httpx.Response) -> None:
    """Take the names of things out of an answer, the newest last."""
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return
    items = cast("list[Any]", body)[:3] if isinstance(body, list) else [body]
    for one in (item for each in items for item in [each, *members(each).values()]):
        for start, member, pool in LINKS:
            name = members(one).get(member)
            if isinstance(name, str) and path.startswith(start):
                others = [each for each in pools.get(pool, []) if each != name]
                pools[pool] = [*others, name][-4:]


def one_of(known: list[str], draw: st.DrawFn) -> str:
    """Draw one of some names; how many they are has no part in what is drawn."""
    return known[draw(st.integers(0, 11)) % len(known)]


def path_of(operation: Operation, pools: Pools, draw: st.DrawFn) -> str:
    """Draw a path of an operation: names of things that are there, and now and then of none."""
    kind = next(pool for start, pool in TAKES if operation.path.startswith(start))

    def part(text: str) -> str:
        if not text.startswith("{"):
            return text
        name = text[1:-1]
        known = pools.get(kind if name == "id" else name) or NAMES.get(name) or ["nothing"]
        drawn = one_of(known, draw) if draw(st.integers(0, 9)) else "nothing"
        return quote(drawn, safe="/" if name == "path:path" else "")

    return "/".join(map(part, operation.path.split("/")))


def query_of(operation: Operation, pools: Pools, draw: st.DrawFn) -> dict[str, str]:
    """Draw a query: values that fit their parameters, and some that do not."""
    found: dict[str, str] = {}
    for one in operation.query:
        if one.name in ("project_id", "namespace") or draw(st.booleans()):
            continue
        known = pools.get(one.name, [])
        fitting = ["1", "5", "true", "INFO", "2026-01-01T00:00:00Z", "1h", "a", "failed", "SUCCESS"]
        drawn = draw(st.sampled_from([*fitting, *TEXTS]))
        found[one.name] = one_of(known or [drawn], draw) if draw(st.booleans()) else drawn
    return {name: text for name, text in found.items() if len(text) < 1000}


def body_of(operation: Operation, draw: st.DrawFn) -> bytes:
    """Draw a body: one that is right, or a mutant of it."""
    if operation.body is None and operation.example is None:
        return b""
    told = TOLD.get((operation.method, operation.path), [operation.example or {}])
    for member, tree in DRAWN.items():
        if member in told[0] and draw(st.booleans()):
            return written({**told[0], member: written(draw(mutants(tree)))}).encode(
                errors="surrogatepass"
            )
    if draw(st.integers(0, 3)) == 0:
        return written(draw(st.sampled_from(told))).encode()
    if draw(st.booleans()):
        return draw(texts_of(told)).encode(errors="surrogatepass")
    return written(draw(mutants(*told) | VALUES)).encode(errors="surrogatepass")


@st.composite
def _drawn(draw: st.DrawFn, pools: Pools) -> tuple[Operation, dict[str, Any]]:
    operation = draw(st.sampled_from(DOCUMENTED) | st.sampled_from(MADE))
    if operation.method == "DELETE" and draw(st.integers(0, 5)):
        operation = draw(st.sampled_from(BEGUN))  # or soon nothing would be there
    headers = {"Content-Type": "application/json"}
    for name, texts in HEADERS.items():
        if draw(st.integers(0, 4)) == 0:
            headers[name] = draw(st.sampled_from(texts))
    return operation, {
        "method": operation.method,
        "url": path_of(operation, pools, draw),
        "params": query_of(operation, pools, draw),
        # A name belongs to one thing, so each has to have its own.
        "content": body_of(operation, draw).replace(b"-one", b"-%d" % draw(st.integers(1, 99))),
        "headers": headers,
    }


@examples(350)
@given(data=st.data())
def test_no_sequence_of_requests_gives_an_answer_that_is_not_documented(
    open_http: httpx.Client, pools: Pools, data: st.DataObject
) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        operation, asked = data.draw(_drawn(pools))
        with open_http.stream(**asked) as answer:
            kind = answer.headers.get("content-type", "")
            body = None if kind.startswith("text/event-stream") else answer.read()
            path = answer.request.url.raw_path.decode().partition("?")[0]
            wrong = misfit(operation.method, path, answer.status_code, kind, body)
            assert not wrong, f"{operation.method} {path}: {wrong} {body!r:.1000}"
            if body and answer.status_code < 300 and re.match("application/json", kind):
                learn(pools, operation.path, answer)


async def test_after_all_that_a_flow_is_run_to_its_end(flows: Flows) -> None:
    found = await flows.ran(task("a"), task("b", "core.sleep", properties={"duration": 0.01}))
    assert found["execution"]["status"] == "SUCCESS"


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)
