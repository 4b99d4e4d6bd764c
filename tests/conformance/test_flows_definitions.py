"""Flows over HTTP: what is stored, what comes of it, and every status that is answered."""

import asyncio
import hmac
from typing import Any

import httpx
import pytest
from tests.conformance.flows import FLOWS, Flows, task, text, values

NOBODY = "00000000-0000-7000-8000-000000000000"
HELLO = text(task("hello"))
YAML = {"Content-Type": "application/yaml"}


@pytest.fixture
def flows(http: httpx.AsyncClient) -> Flows:
    return Flows(http)


async def pages(flows: Flows, path: str, limit: int, **query: Any) -> list[Any]:
    """Return all that a list has, page by page."""
    found: list[Any] = []
    asked: dict[str, Any] | None = {"limit": limit, **query}
    while asked:
        page = await flows.http.get(path, params=asked)
        assert page.status_code == 200, page.text
        assert len(page.json()) <= limit
        found += page.json()
        cursor = page.headers.get("x-next-cursor")
        assert (cursor is None) == ("link" not in page.headers)
        asked = {"limit": limit, "cursor": cursor, **query} if cursor else None
    return found


# Storing.


async def test_create_answers_with_the_stored_flow(flows: Flows) -> None:
    body = {"name": "f", "yamlContent": HELLO, "description": "says hello"}
    answer = await flows.http.post(FLOWS, json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"{FLOWS}/{made['id']}"
    assert {key: made[key] for key in body} == body
    assert (made["revision"], made["tasksTotal"], made["disabled"]) == (1, 1, False)
    assert made["namespace"] == flows.http.headers["X-Project-Id"]
    found = await flows.http.get(answer.headers["location"])
    assert found.json() == made
    assert found.headers["etag"] == '"1"'


async def test_yaml_may_be_the_whole_body(flows: Flows) -> None:
    answer = await flows.http.post(FLOWS, content=HELLO, headers=YAML)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["yamlContent"]) == ("f", HELLO)
    other = text(task("other"))
    changed = await flows.http.put(f"{FLOWS}/{made['id']}", content=other, headers=YAML)
    assert (changed.json()["revision"], changed.json()["yamlContent"]) == (2, other)
    checked = await flows.http.post(f"{FLOWS}/validate", content=b"tasks: 1", headers=YAML)
    assert (checked.status_code, checked.json()["valid"]) == (200, False)


async def test_faults_of_a_text_are_told_together_with_their_lines(flows: Flows) -> None:
    yaml = "name: f\ntasks:\n  - name: a\n    type: util.logg\n  - name: b\n    typ: util.log\n"
    answer = await flows.http.post(FLOWS, json={"yamlContent": yaml})
    assert answer.status_code == 400
    assert answer.json()["code"] == "validation_error"
    told = [(each["line"], each["path"]) for each in answer.json()["details"]]
    assert told == [(4, "tasks[0].type"), (5, "tasks[1].type"), (6, "tasks[1].typ")]
    assert answer.json()["details"][0] == {
        "line": 4,
        "column": 5,
        "path": "tasks[0].type",
        "message": 'no plugin "util.logg" (did you mean "util.log"?)',
    }
    checked = await flows.http.post(f"{FLOWS}/validate", json={"yamlContent": yaml})
    assert checked.json()["errors"] == answer.json()["details"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"{}", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'{"yamlContent": 7}', "application/json", 400),
        (b'{"yamlContent": "", "nme": 1}', "application/json", 400),
        (b"\xff", "application/yaml", 400),
        (b'{"yamlContent": "' + b"x" * (1 << 20) + b'"}', "application/json", 413),
    ],
)
async def test_a_body_that_is_no_flow_is_refused(
    flows: Flows, body: bytes, kind: str, status: int
) -> None:
    for path in (FLOWS, f"{FLOWS}/validate"):
        answer = await flows.http.post(path, content=body, headers={"Content-Type": kind})
        said = answer.json()
        if status == 400 and kind == "application/yaml" and path != FLOWS:
            assert answer.status_code in (200, 400)
            continue
        assert answer.status_code == status, answer.text
        assert said["error"]
        assert set(said) == {"error", "code", "details"}


async def test_a_name_is_taken_once_in_a_namespace(flows: Flows) -> None:
    asked = [flows.http.post(FLOWS, json={"yamlContent": HELLO}) for _ in range(8)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert "the name f is taken" in refused.json()["error"]
    elsewhere = {"X-Project-Id": flows.http.headers["X-Project-Id"] + "-b"}
    answer = await flows.http.post(FLOWS, json={"yamlContent": HELLO}, headers=elsewhere)
    assert answer.status_code == 201


async def test_the_namespace_may_stand_anywhere_but_only_one(flows: Flows) -> None:
    name = flows.http.headers["X-Project-Id"] + "-c"
    async with httpx.AsyncClient(base_url=flows.http.base_url) as bare:
        body = {"yamlContent": HELLO, "namespace": name}
        assert (await bare.post(FLOWS, json=body)).json()["namespace"] == name
        query = {"namespace": name}
        other = {"yamlContent": text(task("a"), name="g")}
        assert (await bare.post(FLOWS, json=other, params=query)).json()["namespace"] == name
        said = {"yamlContent": text(task("a"), name="h", namespace=name)}
        assert (await bare.post(FLOWS, json=said)).json()["namespace"] == name
        other_query = await bare.post(FLOWS, json=body, params={"namespace": "other"})
        other_header = await bare.post(FLOWS, json=body, headers={"X-Project-Id": "other"})
        assert (other_query.status_code, other_header.status_code) == (400, 400)
        listed = await bare.get(FLOWS, params=query)
        assert [each["name"] for each in listed.json()] == ["h", "g", "f"]


async def test_the_name_beside_the_text_is_the_one_in_it(flows: Flows) -> None:
    body = {"name": "other", "yamlContent": HELLO}
    answer = await flows.http.post(FLOWS, json=body)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == "name"
    nameless = "tasks:\n  - {name: a, type: util.log, properties: {message: x}}\n"
    assert (await flows.store(nameless, name="given"))["name"] == "given"
    answer = await flows.http.post(FLOWS, json={"yamlContent": nameless})
    assert answer.json()["details"][0]["message"] == "is missing"


# Reading.


async def test_flows_are_listed_newest_first_page_by_page(flows: Flows) -> None:
    names = [f"f{n}" for n in range(5)]
    for name in names:
        await flows.create(task("a"), name=name)
    assert [each["name"] for each in await pages(flows, FLOWS, 2)] == names[::-1]


async def test_a_list_is_narrowed_by_text_and_by_labels(flows: Flows) -> None:
    await flows.create(task("a"), name="bill", labels={"team": "shop", "tier": 1})
    await flows.create(task("a"), name="ship", labels={"team": "shop"}, description="Bills too")
    await flows.create(task("a"), name="other")
    for query, names in (
        ({"q": "BILL"}, ["ship", "bill"]),
        ({"labels": "team:shop"}, ["ship", "bill"]),
        ({"labels": "team=shop,tier:1"}, ["bill"]),
        ({"labels": "tier"}, ["bill"]),
        ({"labels": "team:x"}, []),
    ):
        found = await pages(flows, FLOWS, 1, **query)
        assert [each["name"] for each in found] == names, query


async def test_an_unknown_flow_is_404_everywhere(flows: Flows) -> None:
    for id in (NOBODY, "f", "%20"):
        path = f"{FLOWS}/{id}"
        for verb, rest, body in (
            ("GET", "", None),
            ("PUT", "", {"yamlContent": HELLO}),
            ("DELETE", "", None),
            ("POST", "/execute", None),
            ("GET", "/export", None),
            ("GET", "/revisions", None),
            ("GET", "/revisions/1", None),
            ("GET", "/revisions/1/diff", None),
            ("POST", "/revisions/1/restore", None),
        ):
            answer = await flows.http.request(verb, path + rest, json=body)
            assert answer.status_code == 404, (verb, path + rest, answer.text)


# Changing.


async def test_the_same_content_makes_no_revision(flows: Flows) -> None:
    made = await flows.store(HELLO)
    again = await flows.put(made["id"], HELLO, comment="once more")
    assert again == made
    assert len((await flows.http.get(f"{FLOWS}/{made['id']}/revisions")).json()) == 1


async def test_a_change_may_be_a_part(flows: Flows) -> None:
    made = await flows.store(HELLO)
    path = f"{FLOWS}/{made['id']}"
    described = (await flows.http.put(path, json={"description": "hello"})).json()
    assert (described["description"], described["yamlContent"]) == ("hello", HELLO)
    changed = await flows.put(made["id"], text(task("b")))
    assert (changed["description"], changed["revision"]) == ("hello", 3)
    assert changed["createdAt"] == made["createdAt"] < changed["updatedAt"]
    renamed = await flows.http.put(path, json={"name": "other"})
    assert renamed.status_code == 400
    assert renamed.json()["details"] == ["name: cannot be changed"]


async def test_a_change_on_another_revision_than_the_one_meant_is_refused(flows: Flows) -> None:
    made = await flows.store(HELLO)
    path = f"{FLOWS}/{made['id']}"
    for match, status in (('"2"', 412), ("1", 200), ('"1"', 412), ("*", 200), ("x", 400)):
        body = {"yamlContent": text(task(f"t{match.strip(chr(34) + '*')}x"))}
        answer = await flows.http.put(path, json=body, headers={"If-Match": match})
        assert answer.status_code == status, (match, answer.text)
    assert (await flows.http.delete(path, headers={"If-Match": '"1"'})).status_code == 412


async def test_of_changes_at_once_each_is_a_revision(flows: Flows) -> None:
    made = await flows.store(HELLO)
    path = f"{FLOWS}/{made['id']}"
    asked = [flows.http.put(path, json={"yamlContent": text(values("a", n=n))}) for n in range(5)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["revision"] for answer in answers) == [2, 3, 4, 5, 6]


async def test_of_changes_on_one_revision_one_is_made(flows: Flows) -> None:
    made = await flows.store(HELLO)
    path, match = f"{FLOWS}/{made['id']}", {"If-Match": '"1"'}
    asked = [
        flows.http.put(path, json={"yamlContent": text(values("a", n=n))}, headers=match)
        for n in range(5)
    ]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 4


async def test_a_deleted_flow_is_gone_and_its_executions_go_on(flows: Flows) -> None:
    nap = task("nap", "core.sleep", properties={"duration": 0.2})
    made = await flows.create(nap, task("after"))
    id = await flows.execute(made["id"])
    path = f"{FLOWS}/{made['id']}"
    assert (await flows.http.delete(path)).status_code == 204
    assert (await flows.http.delete(path)).status_code == 404
    assert (await flows.http.get(path)).status_code == 404
    assert (await flows.http.post(f"{path}/execute")).status_code == 404
    assert (await flows.end(id))["execution"]["status"] == "SUCCESS"
    back = await flows.create(task("a"))
    assert (back["id"], back["revision"]) == (made["id"], 2)
    assert back["createdAt"] == back["updatedAt"] > made["createdAt"]


# Keys.


async def test_the_same_request_under_a_key_has_one_effect(flows: Flows) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"yamlContent": HELLO}
    first = await flows.http.post(FLOWS, json=body, headers=key)
    again = await flows.http.post(FLOWS, json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await flows.http.post(FLOWS, json={"yamlContent": "x"}, headers=key)
    assert other.status_code == 422
    path = f"{FLOWS}/{first.json()['id']}"
    asked: list[tuple[str, str, Any]] = [
        ("PUT", "", {"yamlContent": text(task("b"))}),
        ("POST", "/execute", {"inputs": {}}),
        ("POST", "/revisions/1/restore", {}),
    ]
    for verb, rest, sent in asked:
        one = await flows.http.request(verb, path + rest, json=sent, headers=key)
        two = await flows.http.request(verb, path + rest, json=sent, headers=key)
        assert one.status_code in (200, 202), one.text
        assert (two.json(), two.headers["idempotency-replayed"]) == (one.json(), "true")
    assert (await flows.http.get(path)).json()["revision"] == 3


# Executing.


async def test_bad_inputs_are_refused_with_all_their_faults(flows: Flows) -> None:
    made = await flows.create(
        task("a"),
        inputs={
            "n": {"type": "int", "required": True, "min": 1},
            "s": {"type": "string", "enum": ["a", "b"], "default": "a"},
        },
    )
    path = f"{FLOWS}/{made['id']}/execute"
    answer = await flows.http.post(path, json={"inputs": {"s": "c", "x": 1}})
    assert answer.status_code == 400
    assert answer.json()["details"] == [
        "inputs.x: there is no such input",
        "inputs.n: is required",
        'inputs.s: must be one of ["a","b"]',
    ]
    assert (await flows.http.post(path, json={"inputs": {"n": 0}})).status_code == 400
    assert (await flows.http.post(path, json={"inputs": {"n": 1}})).status_code == 202
    assert (await flows.http.post(path, json={"input": {}})).status_code == 400
    assert (await flows.http.post(path, content=b"{")).status_code == 415


async def test_a_revision_may_be_executed(flows: Flows) -> None:
    made = await flows.create(values("a", n=1))
    await flows.put(made["id"], text(values("a", n=2)))
    for revision, n in ((1, 1), (2, 2)):
        found = await flows.end(await flows.execute(made["id"], revision=revision))
        assert found["execution"]["revision"] == revision
        assert f'"n":{n}' in found["tasks"][0]["outputs"].replace(" ", "")
    path = f"{FLOWS}/{made['id']}/execute"
    assert (await flows.http.post(path, json={"revision": 3})).status_code == 404
    assert (await flows.http.post(path, json={"revision": 0})).status_code == 400


async def test_a_disabled_flow_is_not_executed(flows: Flows) -> None:
    made = await flows.create(task("a"), disabled=True)
    assert made["disabled"] is True
    answer = await flows.http.post(f"{FLOWS}/{made['id']}/execute")
    assert answer.status_code == 409
    assert "disabled" in answer.json()["error"]
    await flows.put(made["id"], HELLO)
    assert (await flows.http.post(f"{FLOWS}/{made['id']}/execute")).status_code == 202


# Revisions.


async def test_revisions_tell_who_made_them_and_why(flows: Flows) -> None:
    made = await flows.store(HELLO, comment="first")
    path = f"{FLOWS}/{made['id']}"
    ann = {"X-Actor-Id": "ann"}
    await flows.http.put(path, json={"yamlContent": text(task("b"))}, headers=ann)
    newest, oldest = await pages(flows, f"{path}/revisions", 1)
    assert (oldest["revision"], oldest["author"], oldest["comment"]) == (1, "anonymous", "first")
    assert (newest["revision"], newest["author"], newest["createdAt"][-1]) == (2, "ann", "Z")
    assert (await flows.http.get(f"{path}/revisions/1")).json() == oldest
    assert (await flows.http.get(f"{path}/revisions/3")).status_code == 404
    assert (await flows.http.get(f"{path}/revisions/x")).status_code == 400


async def test_two_revisions_are_compared_line_by_line(flows: Flows) -> None:
    made = await flows.store("name: f\ntasks:\n  - {name: a, type: core.fail}\n")
    await flows.put(made["id"], "name: f\ntasks:\n  - {name: b, type: core.fail}\n")
    path = f"{FLOWS}/{made['id']}/revisions"
    found = (await flows.http.get(f"{path}/2/diff")).json()
    assert (found["from"], found["to"]) == (1, 2)
    lines = found["diff"].splitlines()
    assert lines[:2] == ["--- revision 1", "+++ revision 2"]
    assert "-  - {name: a, type: core.fail}" in lines
    assert "+  - {name: b, type: core.fail}" in lines
    back = (await flows.http.get(f"{path}/1/diff", params={"from": 2})).json()
    assert "+  - {name: a, type: core.fail}" in back["diff"].splitlines()
    assert (await flows.http.get(f"{path}/2/diff", params={"from": 2})).json()["diff"] == ""
    assert (await flows.http.get(f"{path}/2/diff", params={"from": 9})).status_code == 404


async def test_restoring_makes_a_new_revision_also_of_the_present_one(flows: Flows) -> None:
    made = await flows.store(HELLO)
    path = f"{FLOWS}/{made['id']}/revisions"
    for number in (2, 3):
        restored = (await flows.http.post(f"{path}/1/restore")).json()
        assert (restored["revision"], restored["yamlContent"]) == (number, HELLO)
    assert (await flows.http.get(f"{path}/3")).json()["comment"] == "restored from 1"
    assert (await flows.http.post(f"{path}/9/restore")).status_code == 404
    assert (await flows.http.post(f"{path}/0x1/restore")).status_code == 400


# Carrying.


async def test_what_is_exported_can_be_imported_elsewhere(flows: Flows) -> None:
    made = await flows.store(HELLO, description="hello")
    answer = await flows.http.get(f"{FLOWS}/{made['id']}/export")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="f.json"'
    document = answer.json()
    assert (document["version"], document["kind"]) == (1, "mainspring.flow")
    assert document["flow"]["yamlContent"] == HELLO
    elsewhere = {"X-Project-Id": flows.http.headers["X-Project-Id"] + "-d"}
    brought = await flows.http.post(f"{FLOWS}/import", json=document, headers=elsewhere)
    assert brought.status_code == 201, brought.text
    assert brought.json()["namespace"] == elsewhere["X-Project-Id"]
    assert (brought.json()["yamlContent"], brought.json()["description"]) == (HELLO, "hello")


async def test_a_taken_name_fails_is_changed_or_is_overwritten(flows: Flows) -> None:
    made = await flows.store("# mine\nname: f # here\ntasks: [{name: a, type: core.fail}]\n")
    other = {**made, "yamlContent": "name: f # here\ntasks: [{name: b, type: core.fail}]\n"}
    path = f"{FLOWS}/import"
    assert (await flows.http.post(path, json=other)).status_code == 409
    renamed = await flows.http.post(path, json=other, params={"onConflict": "rename"})
    assert (renamed.status_code, renamed.json()["name"]) == (201, "f-2")
    assert renamed.json()["yamlContent"].startswith("name: f-2 # here\n")
    over = await flows.http.post(path, json=other, params={"onConflict": "overwrite"})
    assert (over.status_code, over.json()["revision"]) == (200, 2)
    assert over.json()["id"] == made["id"]
    assert (await flows.http.post(path, json=other, params={"onConflict": "x"})).status_code == 400


async def test_a_document_of_the_other_product_is_taken(flows: Flows) -> None:
    flow = {"name": "f", "yamlContent": HELLO, "namespace": flows.http.headers["X-Project-Id"]}
    document = {"version": 1, "kind": "excalibase.flow", "flow": flow}
    assert (await flows.http.post(f"{FLOWS}/import", json=document)).status_code == 201
    wrong = {"version": 2, "kind": "k", "flow": {"yamlContent": 1}}
    answer = await flows.http.post(f"{FLOWS}/import", json=wrong)
    assert answer.status_code == 400
    assert [each.partition(":")[0] for each in answer.json()["details"]] == [
        "kind",
        "version",
        "flow.name",
        "flow.yamlContent",
    ]


async def test_no_secret_is_exported(flows: Flows) -> None:
    key = f"quite-secret-{flows.http.headers['X-Project-Id']}"
    hook = {"type": "webhook", "key": key, "secret": "hush"}
    other = {"type": "webhook", "config": {"secret": "${HOOK_SECRET}"}}
    third = {"type": "webhook", "hmac": {"secret": "hush", "header": "X-Own"}}
    made = await flows.create(
        task("a", properties={"message": "${TOKEN} and $${NOT_ONE}"}), triggers=[hook, other, third]
    )
    answer = await flows.http.get(f"{FLOWS}/{made['id']}/export")
    assert key not in answer.text
    assert "hush" not in answer.text
    document = answer.json()
    assert document["redacted"] == [
        "triggers[0].key",
        "triggers[0].secret",
        "triggers[2].hmac.secret",
    ]
    assert document["credentials"] == ["HOOK_SECRET", "TOKEN"]
    elsewhere = {"X-Project-Id": flows.http.headers["X-Project-Id"] + "-e"}
    brought = await flows.http.post(f"{FLOWS}/import", json=document, headers=elsewhere)
    assert brought.status_code == 201, brought.text
    await _let_nobody_in(flows, elsewhere, but=1)


async def _let_nobody_in(flows: Flows, there: dict[str, str], *, but: int) -> None:
    """Call all webhooks of a namespace: those whose secret was left out are closed."""
    listed = (await flows.http.get("/api/v1/triggers", headers=there)).json()
    urls = [each["url"] for each in listed if each["type"] == "webhook"]
    headers = there | {"X-Signature-256": f"sha256={hmac.digest(b'', b'1', 'sha256').hex()}"}
    answers = [await flows.http.post(url, content=b"1", headers=headers) for url in urls]
    assert {each.status_code for each in answers} == {401}
    said = [each for each in answers if "still to be set" in each.text]
    assert len(said) == len(urls) - but


async def test_triggers_that_were_added_travel_with_their_flow(flows: Flows) -> None:
    made = await flows.store(HELLO)
    added = {"flowId": made["id"], "type": "schedule", "config": {"cron": "0 4 * * *"}}
    hook = {"flowId": made["id"], "type": "webhook", "name": "hook", "config": {"secret": "hush"}}
    for trigger in (added, hook):
        answer = await flows.http.post("/api/v1/triggers", json=trigger)
        assert answer.status_code == 201, answer.text
    document = (await flows.http.get(f"{FLOWS}/{made['id']}/export")).json()
    assert [each["type"] for each in document["triggers"]] == ["schedule", "webhook"]
    assert "hush" not in str(document)
    config = document["triggers"][1]["config"]
    assert "key" not in config
    assert config["secret"] == "*" * 8
    elsewhere = {"X-Project-Id": flows.http.headers["X-Project-Id"] + "-t"}
    path = f"{FLOWS}/import?onConflict=overwrite"
    first, again = [await flows.http.post(path, json=document, headers=elsewhere) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    listed = (await flows.http.get("/api/v1/triggers", headers=elsewhere)).json()
    assert sorted(each["type"] for each in listed) == ["schedule", "webhook"]
    assert {each["flowId"] for each in listed} == {first.json()["id"]}
    await _let_nobody_in(flows, elsewhere, but=0)


async def test_a_flows_triggers_follow_its_text_and_go_with_it(flows: Flows) -> None:
    def scheduled(cron: str) -> str:
        return text(task("a"), triggers=[{"type": "schedule", "name": "s", "cron": cron}])

    async def crons() -> list[str]:
        listed = (await flows.http.get("/api/v1/triggers")).json()
        return [each["config"]["cron"] for each in listed]

    made = await flows.store(scheduled("0 4 * * *"))
    assert await crons() == ["0 4 * * *"]
    await flows.put(made["id"], scheduled("0 5 * * *"))
    assert await crons() == ["0 5 * * *"]
    await flows.http.post(f"{FLOWS}/{made['id']}/revisions/1/restore")
    assert await crons() == ["0 4 * * *"]
    await flows.http.delete(f"{FLOWS}/{made['id']}")
    assert await crons() == []


async def test_a_webhooks_key_belongs_to_one_flow(flows: Flows) -> None:
    hook = {"type": "webhook", "key": f"only-{flows.http.headers['X-Project-Id']}"}
    await flows.create(task("a"), triggers=[hook])
    answer = await flows.http.post(
        FLOWS, json={"yamlContent": text(task("a"), name="g", triggers=[hook])}
    )
    assert answer.status_code == 409
    assert "triggers[0]: the key of the webhook is taken" in answer.json()["error"]
    assert [each["name"] for each in (await flows.http.get(FLOWS)).json()] == ["f"]


# Validating.


async def test_validate_tells_order_and_warnings_and_stores_nothing(flows: Flows) -> None:
    sequential = {"yamlContent": text(task("a"), {**task("b"), "disabled": True})}
    answer = await flows.http.post(f"{FLOWS}/validate", json=sequential)
    assert answer.json() == {
        "valid": True,
        "errors": [],
        "warnings": [
            {
                "line": 1,
                "column": answer.json()["warnings"][0]["column"],
                "path": "tasks[1]",
                "message": "is disabled: it is skipped",
            }
        ],
        "order": "sequential",
        "tasksTotal": 2,
    }
    graph = {"yamlContent": text(task("a"), task("b", dependsOn="a"))}
    found = (await flows.http.post(f"{FLOWS}/validate", json=graph)).json()
    assert (found["valid"], found["order"]) == (True, "graph")
    assert (await flows.http.get(FLOWS)).json() == []
