"""Workflows of YAML through the front door: applied, checked, planned, read and taken away."""

import asyncio
from hashlib import sha256
from typing import Any

import httpx
import pytest
from tests.conformance.native import Native, waiting
from tests.conformance.runs import YAML, Json, Runs, saying, workflow

ONE = workflow(saying("a", "one"))
TWO = workflow(saying("a", "two"), saying("b", "{{ steps.a.output.message }}"))
BAD = "name: w\nnmae: x\nsteps:\n- {name: a, action: util.lgo}\n- {name: a, params: {x: '{{'}}\n"
FAULTS = [
    (2, 1, "nmae", 'is not known here (did you mean "name"?)'),
    (4, 13, "steps[0].action", 'no action "util.lgo" (did you mean "util.log"?)'),
    (5, 3, "steps[1].action", "is missing"),
    (5, 4, "steps[1].name", '"a" is that of steps[0] too'),
    (5, 22, "steps[1].params.x", 'line 1, column 1: an expression is never closed by "}}"'),
]


@pytest.fixture
def runs(http: httpx.AsyncClient) -> Runs:
    return Runs(http)


def parts(errors: list[Json]) -> list[tuple[object, ...]]:
    return [tuple(each[name] for name in ("line", "column", "path", "message")) for each in errors]


async def test_a_text_is_applied_once_and_each_change_is_a_version(runs: Runs) -> None:
    first = await runs.put(ONE)
    assert (first.status_code, first.headers["location"]) == (201, "/api/v1/workflows/w")
    hash = sha256(ONE.encode()).hexdigest()
    applied = {"name": "w", "version": 1, "changed": True, "content_hash": hash}
    assert first.json() == applied
    again = await runs.put(ONE)
    assert (again.status_code, again.json()) == (200, applied | {"changed": False})
    changed = await runs.put(TWO)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert (await runs.put(ONE + "# a comment\n")).json()["version"] == 3
    assert (await runs.put(ONE)).json() == applied | {"version": 4}


@pytest.mark.parametrize("kind", ["application/yaml", "text/yaml; charset=utf-8", "text/plain"])
async def test_a_text_is_sent_as_it_is_or_in_json(runs: Runs, kind: str) -> None:
    path = "/api/v1/workflows/w"
    answer = await runs.http.put(path, content=ONE, headers={"Content-Type": kind})
    assert answer.status_code == 201
    answer = await runs.http.put(path, json={"content": ONE})
    assert answer.json()["changed"] is False
    wrong: list[Any] = [{"contents": ONE}, {"content": 1}, {}, []]
    for sent in wrong:
        assert (await runs.http.put(path, json=sent)).status_code == 400
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await runs.http.put(path, content=ONE, headers=form)).status_code == 415
    large = ONE + "#" * (1 << 20)
    assert (await runs.http.put(path, content=large, headers=YAML)).status_code == 413
    answer = await runs.http.put(path, content=b"name: w\nsteps: \xff", headers=YAML)
    assert answer.status_code == 400
    assert parts(answer.json()["details"]) == [(2, 8, "", "the text is not UTF-8")]


async def test_all_faults_are_told_at_once_with_their_lines(runs: Runs) -> None:
    answer = await runs.put(BAD)
    assert answer.status_code == 400
    assert parts(answer.json()["details"]) == FAULTS
    answer = await runs.http.post("/api/v1/workflows/validate", content=BAD, headers=YAML)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["valid"], found["name"], parts(found["errors"])) == (False, "w", FAULTS)
    answer = await runs.http.post("/api/v1/workflows/validate", content=ONE, headers=YAML)
    assert answer.json() == {"valid": True, "errors": [], "name": "w"}
    assert (await runs.http.get("/api/v1/workflows/w")).status_code == 404


async def test_the_name_in_the_path_is_that_in_the_text(runs: Runs) -> None:
    answer = await runs.put(ONE, "v")
    assert parts(answer.json()["details"]) == [(1, 1, "name", 'is not the name in the path, "v"')]


async def test_a_name_of_another_dialect_is_taken(runs: Runs) -> None:
    await Native(runs.http).create(waiting("x"), slug="theirs")
    answer = await runs.put(workflow(saying("a", "x"), name="theirs"), "theirs")
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"


async def test_workflows_are_listed_in_pages_and_read_in_every_version(runs: Runs) -> None:
    for name in ("a", "b", "c"):
        await runs.apply(workflow(saying("x", "1"), name=name), name)
    await runs.apply(workflow(saying("x", "2"), name="b"), "b")
    first = await runs.http.get("/api/v1/workflows", params={"limit": 2})
    named = [(each["name"], each["latest_version"]) for each in first.json()["workflows"]]
    rest = await runs.http.get(
        "/api/v1/workflows", params={"limit": 2, "cursor": first.headers["x-next-cursor"]}
    )
    named += [(each["name"], each["latest_version"]) for each in rest.json()["workflows"]]
    assert named == [("c", 1), ("b", 2), ("a", 1)]
    assert "x-next-cursor" not in rest.headers
    newest = (await runs.http.get("/api/v1/workflows/b")).json()
    assert (newest["version"], newest["definition"]["steps"][0]["name"]) == (2, "x")
    old = (await runs.http.get("/api/v1/workflows/b/versions/1")).json()
    assert "'1'" in old["content"]
    versions = (await runs.http.get("/api/v1/workflows/b/versions")).json()
    assert versions["name"] == "b"
    assert [each["version"] for each in versions["versions"]] == [2, 1]
    assert versions["versions"][0]["content_hash"] == newest["content_hash"]
    for path in ("b/versions/3", "b/versions/x", "b/versions/01", "z", "z/versions", "Ä"):
        assert (await runs.http.get(f"/api/v1/workflows/{path}")).status_code == 404
    assert (await runs.http.get("/api/v1/workflows", params={"limit": 0})).status_code == 400


async def test_what_is_deleted_is_gone_and_goes_on_counting_when_it_comes_back(runs: Runs) -> None:
    await runs.apply(ONE)
    await runs.apply(TWO)
    id = await runs.begin()
    assert (await runs.http.delete("/api/v1/workflows/w")).status_code == 204
    assert (await runs.http.delete("/api/v1/workflows/w")).status_code == 404
    for path in ("/api/v1/workflows/w", "/api/v1/workflows/w/versions/1"):
        assert (await runs.http.get(path)).status_code == 404
    assert (await runs.http.post("/api/v1/run/w")).status_code == 404
    assert (await runs.end(id))["status"] == "completed"
    answer = await runs.put(ONE)
    assert (answer.status_code, answer.json()["version"]) == (201, 3)


async def test_a_rollback_is_a_new_version_with_the_old_content(runs: Runs) -> None:
    for text in (ONE, TWO):
        await runs.apply(text)
    path = "/api/v1/workflows/w/rollback"
    answer = await runs.http.post(path, json={"version": 1})
    assert (answer.status_code, answer.json()["version"]) == (200, 3)
    assert (await runs.http.get("/api/v1/workflows/w")).json()["content"] == ONE
    same = await runs.http.post(path, json={"version": 1})
    assert (same.json()["version"], same.json()["changed"]) == (3, False)
    before = await runs.http.post(path)
    assert (before.json()["version"], before.json()["changed"]) == (4, True)
    assert (await runs.http.get("/api/v1/workflows/w")).json()["content"] == TWO
    assert (await runs.http.post(path, json={"version": 9})).status_code == 404
    assert (await runs.http.post(path, json={"version": "1"})).status_code == 400
    answer = await runs.http.post("/api/v1/workflows/none/rollback", json={"version": 1})
    assert answer.status_code == 404


async def test_a_plan_tells_every_field_that_differs(runs: Runs) -> None:
    path = "/api/v1/workflows/w/plan"

    async def plan(text: str) -> Json:
        answer = await runs.http.post(path, content=text, headers=YAML)
        assert answer.status_code == 200, answer.text
        return answer.json()

    fresh = await plan(ONE)
    assert (fresh["version"], fresh["next_version"], fresh["changed"]) == (None, 1, True)
    assert (fresh["summary"], fresh["steps"]["added"]) == ("w would be new", ["a"])
    old = workflow(saying("a", "1"), saying("b", "2"), saying("c", "3"), timeout="5m")
    await runs.apply(old)
    same = await plan(old)
    assert (same["changed"], same["changes"], same["next_version"]) == (False, [], 1)
    commented = await plan(old + "# why")
    assert (commented["changed"], commented["changes"], commented["next_version"]) == (True, [], 2)
    new = workflow(
        saying("c", "3", "depends_on: [a]"),
        saying("a", "one"),
        saying("d", "4"),
        max_parallel_executions="2",
        hooks=f"{{on_finish: [{saying('h', 'x')}]}}",
    )
    found = await plan(new)
    assert found["steps"] == {"added": ["d"], "changed": ["c", "a"], "removed": ["b"]}
    changes = {(each["kind"], each["path"]) for each in found["changes"]}
    assert changes == {
        ("removed", "timeout"),
        ("added", "max_parallel_executions"),
        ("added", "hooks"),
        ("removed", "steps.b"),
        ("added", "steps.d"),
        ("added", "steps.c.depends_on"),
        ("changed", "steps.a.params.message"),
        ("moved", "steps"),
    }
    (message,) = [each for each in found["changes"] if each["path"].endswith("message")]
    assert (message["before"], message["after"]) == ("1", "one")
    assert found["summary"] == "4 added, 1 changed, 2 removed, 1 moved"
    assert (await runs.http.post(path, content=BAD, headers=YAML)).status_code == 400
    assert (await runs.http.get("/api/v1/workflows/w")).json()["version"] == 1


async def test_of_many_who_apply_at_once_each_change_is_a_version(runs: Runs) -> None:
    texts = [workflow(saying("a", str(n))) for n in range(6)]
    answers = await asyncio.gather(*(runs.put(text) for text in texts))
    assert {each.status_code for each in answers} <= {200, 201}
    assert sorted(each.json()["version"] for each in answers) == [1, 2, 3, 4, 5, 6]
    same = await asyncio.gather(*(runs.put(TWO) for _ in range(4)))
    assert [each.json()["version"] for each in same] == [7, 7, 7, 7]
    assert sum(each.json()["changed"] for each in same) == 1


async def test_a_request_under_a_key_has_one_effect_and_one_answer(runs: Runs) -> None:
    key = {"Idempotency-Key": "k"}
    first = await runs.put(ONE, **key)
    again = await runs.put(ONE, **key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert (await runs.put(TWO, **key)).status_code == 422
    path = "/api/v1/run/w"
    begun = [(await runs.http.post(path, headers=key)).json() for _ in range(3)]
    assert begun[0] == begun[1] == begun[2]
    assert len(await runs.all_of("w")) == 1
    other = await runs.http.post(path, json={"inputs": {}}, headers=key)
    assert other.status_code == 422


async def test_inputs_are_checked_and_have_defaults(runs: Runs) -> None:
    inputs = "{n: {type: number, required: true}, s: {type: string, default: x, enum: [x, y]}}"
    await runs.apply(workflow(saying("a", "{{ inputs.s }} {{ inputs.n }}"), inputs=inputs))

    async def refused(given: Json) -> list[str]:
        answer = await runs.http.post("/api/v1/run/w", json={"inputs": given})
        assert answer.status_code == 400, answer.text
        return answer.json()["details"]

    assert await refused({}) == ["inputs.n: is required"]
    assert await refused({"n": "1", "s": "z", "t": 1}) == [
        "inputs.t: there is no such input",
        "inputs.n: a number is wanted",
        'inputs.s: must be one of ["x","y"]',
    ]
    found = await runs.end(await runs.begin(inputs={"n": 1.5}))
    assert found["inputs"] == {"n": 1.5, "s": "x"}
    assert found["steps"]["a"]["output"]["message"] == "x 1.5"


async def test_the_newest_version_runs_or_the_one_that_is_named(runs: Runs) -> None:
    await runs.apply(ONE)
    await runs.apply(TWO)
    path = "/api/v1/run/w"
    answer = await runs.http.post(path)
    begun = answer.json()
    assert answer.status_code == 202
    assert begun == {"execution_id": begun["execution_id"], "workflow": "w", "version": 2}
    assert answer.headers["location"] == f"/api/v1/executions/{begun['execution_id']}"
    old = await runs.http.post(path, json={"version": 1})
    assert old.json()["version"] == 1
    found = await runs.end(old.json()["execution_id"])
    assert (found["version"], list(found["steps"])) == (1, ["a"])
    for body in ({"version": 3}, {"version": "x"}):
        assert (await runs.http.post(path, json=body)).status_code == 404
    wrong: list[Any] = [{"version": 0}, {"version": 1.5}, {"input": {}}, {"inputs": []}, []]
    for body in wrong:
        assert (await runs.http.post(path, json=body)).status_code == 400
    assert (await runs.http.post("/api/v1/run/none")).status_code == 404
    assert (await runs.http.post(path, content=b"{}")).status_code == 415


async def test_inputs_may_be_as_large_as_a_payload_and_no_larger(runs: Runs) -> None:
    await runs.apply(workflow(saying("a", "{{ inputs.s.size() }}"), inputs="{s: {type: string}}"))
    found = await runs.end(await runs.begin(inputs={"s": "x" * (2 << 20)}))
    assert found["steps"]["a"]["output"]["message"] == 2 << 20
    for size in (4 << 20, 5 << 20):
        answer = await runs.http.post("/api/v1/run/w", json={"inputs": {"s": "x" * size}})
        assert answer.status_code == 413
        assert answer.json()["code"] == "too_large"
