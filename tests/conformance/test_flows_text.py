"""The text of a flow: what it means, and everything that can be wrong with it, at its place."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st
from tests.conformance.flows import task, text, values

from mainspring.domain.definition import Definition, Step
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression import Guard
from mainspring.domain.starters import Follow, Schedule, Webhook
from mainspring_api.dialects.flows.definitions.compile import (
    Flow,
    compile_flow,
    read_text,
    tasks_total,
)
from mainspring_api.dialects.flows.definitions.controls import Asked, Pin
from mainspring_api.dialects.yamls import DocumentInvalid


def meant(yaml: str, **pins: Pin) -> Flow:
    known: dict[Asked, Pin] = {(name, None): pin for name, pin in pins.items()}
    return compile_flow(read_text(yaml), None, "default", known)


def compiled(*tasks: Any, **more: Any) -> Definition:
    return meant(text(*tasks, **more)).definition


def steps(*tasks: Any, **more: Any) -> dict[str, Step]:
    return compiled(*tasks, **more).by_ref


def faults(yaml: str) -> list[str]:
    """Return the faults of a text, each with its path."""
    with pytest.raises(DocumentInvalid) as refused:
        meant(yaml)
    return [f"{each.path}: {each.message}" for each in refused.value.details]


def fault(*tasks: Any, **more: Any) -> str:
    (only,) = faults(text(*tasks, **more))
    return only


def warnings(*tasks: Any, **more: Any) -> list[str]:
    return [f"{each.path}: {each.message}" for each in meant(text(*tasks, **more)).warnings]


# Order.


def test_each_task_of_a_list_needs_the_one_before_it():
    found = steps(task("a"), task("b"), task("c"))
    assert [found[name].needs for name in "abc"] == [(), ("a",), ("b",)]


def test_in_a_graph_a_task_that_names_none_is_a_root():
    found = meant(text(task("a"), task("b"), task("c", needs=["a", "b"])))
    assert found.order == "graph"
    assert [step.needs for step in found.definition.steps] == [(), (), ("a", "b")]


@pytest.mark.parametrize("key", ["dependsOn", "depends_on", "depends", "needs"])
def test_a_dependency_has_four_spellings(key: str):
    assert steps(task("a"), task("b", **{key: "a"}))["b"].needs == ("a",)


def test_two_spellings_at_once_are_a_fault_in_the_words_that_were_written():
    said = fault(task("a"), task("b", needs="a", depends="a"))
    assert said == "tasks[1].depends: is the same as needs: give only one"
    said = fault(task("a", condition="true", **{"if": "true"}))
    assert said == "tasks[0].if: is the same as condition: give only one"


def test_a_circle_is_one_fault_with_all_its_tasks():
    said = fault(
        task("a", needs="c"),
        task("b", needs="a", properties={"message": "{{ outputs.c.message }}"}),
        task("c", needs="b"),
    )
    assert "in a cycle: " in said
    assert fault(task("a", needs="a")) == "tasks[0].needs: a task cannot depend on itself"


def test_who_needs_a_branching_task_needs_all_inside_of_it():
    inner = task("in", "core.if", properties={"condition": True, "then": [task("deep")]})
    choose = task("out", "core.if", properties={"condition": True, "then": [inner]})
    found = steps(choose, task("after"))
    assert found["after"].needs == ("out", "in", "deep")
    assert found["deep"].needs == ("in",)
    named = steps(choose, task("after", needs="out"))
    assert named["after"].needs == ("out", "in", "deep")


def test_at_most_so_many_branches_go_at_once():
    branches = {name: [task(f"{name}1"), task(f"{name}2")] for name in "abc"}
    found = steps(task("p", "core.parallel", properties={"branches": branches, "concurrency": 2}))
    assert found["a1"].needs == found["b1"].needs == ()
    assert found["c1"].needs == found["c1"].awaits == ("a1", "a2")


def test_a_parallel_task_waits_for_its_branches_which_need_what_it_needs():
    branches = {"l": [task("l1"), task("l2")], "r": [task("r1", dependsOn=["l1"])]}
    given = {"branches": branches}
    both = task("p", "core.parallel", properties=given, when="outputs.first.n > 1")
    found = steps(values("first"), both, task("after"))
    assert found["l1"].needs == ("first",)
    assert found["l2"].needs == found["r1"].needs == ("first", "l1")
    assert found["p"].needs == ("first", "l1", "l2", "r1")
    assert found["p"].awaits == ("l1", "l2", "r1")
    assert found["p"].joins == {"l": ("l1", "l2"), "r": ("r1",)}
    assert found["after"].needs == ("p", "l1", "l2", "r1")
    rules = {found[name].when for name in ("p", "l1", "l2", "r1")}
    assert rules == {Guard(language="jinja", rule="outputs.first.n > 1")}


def test_what_a_branch_names_itself_keeps_it_from_running_and_what_it_only_follows_does_not():
    branches = {"a": [task("a1"), task("a2")], "b": [task("b1", dependsOn=["a1"])]}
    given = {"branches": branches, "concurrency": 1}
    found = steps(task("p", "core.parallel", properties=given))
    assert found["b1"].needs == ("a1", "a2")
    assert found["b1"].awaits == ("a2",)


def test_a_branch_does_not_read_the_task_that_it_stands_in():
    inner = task("in", "util.log", properties={"message": "{{ outputs.p }}"})
    said = fault(task("p", "core.parallel", properties={"branches": {"x": [inner]}}))
    assert 'task "p" is not upstream of this one' in said


def test_loops_count_once_epilogues_not_and_branches_each():
    loop = task("l", "core.forEach", properties={"items": [1], "tasks": [task("x"), task("y")]})
    choose = task("i", "core.if", properties={"condition": True, "then": [task("t")]})
    found = compiled(loop, choose, task("e", forEach=[1, 2]), onError=[task("bad")])
    assert tasks_total(found) == 4


# What is read.


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{{ outputs.b.x }}", 'task "b" is not upstream of this one: dependsOn it'),
        ("{{ outputs['cc'].x }}", 'no task "cc" (did you mean "c"?)'),
        ("{{ inputs.nn }}", 'no input "nn" (did you mean "n"?)'),
        ("{{ vars.w }}", 'no variable "w"'),
        ("{{ input.n }}", 'no name "input" (did you mean "inputs"?)'),
        ("{{ item }}", '"item" is only there inside of a loop (forEach)'),
        ("{{ execution.ids }}", '"execution" has no "ids" (did you mean "id"?)'),
        ("{{ steps.c.state }}", '"steps.c" has no "state" (did you mean "status"?)'),
    ],
)
def test_a_name_that_leads_nowhere_is_a_fault(message: str, said: str):
    reads = task("a", needs="c", properties={"message": message})
    one = fault(reads, task("b"), task("c"), inputs={"n": None}, variables={"v": 1})
    assert one == f"tasks[0].properties.message: {said}"


def test_what_is_upstream_by_way_of_others_may_be_read():
    reads = task("c", needs="b", properties={"message": "{{ outputs.a.message }}"})
    assert steps(task("a"), task("b", needs="a"), reads)


def test_templates_that_are_none_are_faults_at_their_places():
    said = faults(text(task("a", properties={"message": "{{ 1 + }}", "level": "{{"})))
    assert [each.partition(":")[0] for each in said] == [
        "tasks[0].properties.message",
        "tasks[0].properties.level",
    ]


def test_the_store_is_not_asked_where_the_scheduler_renders():
    for one in (
        task("a", when="kv('x') == 1"),
        task("a", "core.sleep", properties={"duration": "{{ kv('x') }}"}),
        task("a", forEach="{{ kv('x') }}"),
    ):
        assert "kv() cannot be read here" in fault(one)
    assert steps(task("a", properties={"message": "{{ kv('x') }}"}))


def test_credentials_are_left_as_they_stand():
    step = steps(task("a", properties={"message": "${TOKEN} $${X} ${lower}"}))["a"]
    assert step.plugin is not None
    assert step.plugin.input == {"message": "${TOKEN} $${X} ${lower}"}


def test_an_epilogue_may_read_all_that_was_done():
    said = task("bad", properties={"message": "{{ outputs.a.message }} {{ execution.error }}"})
    found = steps(task("a"), onError=[said, task("then")], always=[task("end")])
    assert found["bad"].after == ("failed", "timed_out")
    assert found["then"].needs == ("bad",)
    assert found["end"].after == ("succeeded", "failed", "timed_out", "canceled")


# Properties.


def test_properties_are_checked_where_they_are_literal():
    for given, said in (
        ({"message": "a", "level": "LOUD"}, "tasks[0].properties.level: "),
        ({"message": "a", "lvel": "INFO"}, "tasks[0].properties.lvel: is not known here"),
        ({}, "tasks[0].properties.message: is missing"),
    ):
        assert fault(task("a", properties=given)).startswith(said)
    assert steps(
        task("a", properties={"message": "a", "level": "{{ vars.l }}"}), variables={"l": 1}
    )


def test_a_number_may_be_a_whole_template_and_no_text_with_one_in_it():
    def chunked(size: Any) -> Any:
        return task("a", "flow.chunk", properties={"items": [1, 2], "size": size})

    assert steps(chunked("{{ vars.n }}"), variables={"n": 1})
    assert "tasks[0].properties.size" in fault(chunked("{{ vars.n }}0"), variables={"n": 1})
    assert "tasks[0].properties.size" in fault(chunked("two"))


def test_an_unknown_type_has_a_hint():
    assert fault(task("a", "util.logg")) == (
        'tasks[0].type: no plugin "util.logg" (did you mean "util.log"?)'
    )


# Kinds of tasks.


def test_spans_are_read_in_all_their_forms():
    for given, seconds in (("30s", 30), ("1h30m", 5400), ("PT5M", 300), (7, 7), ("2.5", 2.5)):
        nap = steps(task("a", "core.sleep", properties={"duration": given}))["a"]
        assert nap.duration == seconds
    for wrong in ("soon", "", -1, "1y"):
        assert fault(task("a", "core.sleep", properties={"duration": wrong}))
    assert "needs one of" in fault(task("a", "core.sleep", properties={}))


def test_a_policy_is_read_in_the_engines_terms():
    retry = {"maxAttempts": 4, "delay": "2s", "backoff": "exponential", "factor": 3}
    more = {"maxDelay": "1m", "jitter": True, "retryOn": [503, "timeout"]}
    found = steps(task("a", retry={**retry, **more}))["a"].retry
    assert found is not None
    assert (found.retries, found.delay, found.multiplier, found.max_delay) == (3, 2, 3, 60)
    assert (found.jitter, found.retry_on, found.linear) == (0.1, ("503", "timeout"), False)
    assert found.max_duration is None
    bounded = steps(task("a", retry={**retry, "maxDuration": "90s"}))["a"].retry
    assert bounded is not None
    assert bounded.max_duration == 90
    assert compiled(task("a"), retry={"maxAttempts": 2}).retry.retries == 1
    wrong = {"maxAttempts": 0, "delay": "x", "backoff": "constant", "factor": 2, "retryOn": "9xx"}
    assert len(faults(text(task("a", retry={**wrong, "maxAttempts": 1})))) == 3
    assert fault(task("a", retry=wrong)) == "tasks[0].retry.maxAttempts: must be 1 or more"


def test_a_gate_is_a_decision_of_people():
    given = {"message": "{{ vars.m }}", "approvers": ["ann"], "required": 1, "timeout": "1h"}
    step = steps(task("g", "core.gate", properties=given), variables={"m": "ok?"})["g"]
    assert (step.kind, step.type) == ("approval", "core.gate")
    assert step.approval is not None
    assert (step.approval.approvers, step.approval.timeout) == (("ann",), 3600)
    assert step.approval.ask == {"message": "{{ vars.m }}"}
    for wrong in (
        {"notify": ["nowhere"]},
        {"notify": {"url": "http://me:you@x"}},
        {"notify": [{"uri": "http://x"}]},
        {"notify": 7},
        {"approvers": {"roles": ["x"]}},
        {"required": "{{ 1 }}"},
    ):
        assert fault(task("g", "core.gate", properties=wrong))
    schema = {"$ref": "http://peer.test/schema"}
    assert "leads only to the schema" in fault(
        task("g", "core.gate", properties={"inputsSchema": schema})
    )


def test_a_gate_tells_whom_it_names():
    def told(notify: Any) -> tuple[str, ...]:
        step = steps(task("g", "core.gate", properties={"notify": notify}), inputs={"to": {}})["g"]
        assert step.approval is not None
        return step.approval.notify

    assert told("http://a.test/") == told({"url": "http://a.test/"}) == ("http://a.test/",)
    assert told([{"url": "{{ inputs.to }}"}, "http://b/"]) == ("{{ inputs.to }}", "http://b/")
    assert "roles: come with authentication" in fault(
        task("g", "core.gate", properties={"approvers": {"roles": ["boss"]}})
    )


def test_what_comes_after_a_gate_is_skipped_where_its_rejection_has_tasks():
    gate = task("g", "core.gate", properties={"onReject": [task("sorry"), task("bye")]})
    found = steps(task("before"), gate, task("ship", when="1 == 1"))
    assert found["g"].approval is not None
    assert found["g"].approval.tolerant
    assert [found[name].needs for name in ("sorry", "bye")] == [("g",), ("g", "sorry")]
    rules = {name: step.when.rule if step.when else "" for name, step in found.items()}
    chosen = '(steps["g"]["output"]["approved"] | default(""))'
    assert rules["before"] == rules["g"] == ""
    assert rules["sorry"] == rules["bye"] == f"{chosen} == false"
    assert rules["ship"] == f"({chosen} != false) and (1 == 1)"
    assert fault(gate | {"forEach": [1]}).startswith("tasks[0].forEach: is not for core.gate")


def test_another_flow_is_the_newest_unless_a_revision_is_named():
    call = task("c", "core.subflow", properties={"flow": "child", "inputs": {"n": 1}})
    found = meant(text(call), child=Pin("id", "child", None))
    (step,) = found.definition.steps
    assert step.child is not None
    assert (step.kind, step.child.workflow, step.child.hash) == ("child", "child", None)
    assert step.child.payload == {"n": 1}
    assert found.warnings == []
    assert "there is no flow" in warnings(call)[0]
    pinned = task("c", "core.subflow", properties={"flow": "child", "revision": 3})
    assert "has no revision 3" in fault(pinned)
    assert "another namespace" in fault(
        task("c", "core.subflow", properties={"flow": "other/child"})
    )
    open_ended = {"flow": "f", "wait": "{{ inputs.x }}", "transmitFailed": "{{ 1 > 2 }}"}
    said = faults(text(task("c", "core.subflow", properties=open_ended), inputs={"x": {}}))
    assert [each.partition(": ")[2] for each in said] == ["cannot be a template"] * 2


def test_a_switch_refuses_patterns_that_are_none_and_a_case_called_default():
    cases = {"re:(": [task("x")], "default": [task("y")]}
    said = faults(text(task("s", "core.switch", properties={"value": 1, "cases": cases})))
    assert [each.partition(": ")[0] for each in said] == [
        'tasks[0].properties.cases["re:("]',
        "tasks[0].properties.cases.default",
    ]


def test_a_condition_that_reads_the_item_is_asked_of_each():
    (step,) = compiled(task("a", forEach=[1], when="item > 1")).steps
    assert step.when is None
    assert step.each is not None
    assert step.each.steps[0].when is not None
    (step,) = compiled(task("a", forEach=[1], when="vars.v"), variables={"v": 1}).steps
    assert step.when is not None
    assert step.each is not None
    assert step.each.steps[0].when is None


def test_what_is_never_reached_is_a_warning():
    said = warnings({**task("a"), "disabled": True}, task("b", when=False), task("c", forEach=[]))
    assert [each.partition(":")[0] for each in said] == [
        "tasks[0]",
        "tasks[1].when",
        "tasks[2].forEach",
    ]


# The whole.


def test_names_are_unique_over_the_whole_flow():
    loop = task("l", "core.forEach", properties={"items": [1], "tasks": [task("a")]})
    said = faults(text(task("a"), loop, always=[task("a")]))
    assert [each.partition(":")[0] for each in said] == [
        "tasks[1].properties.tasks[0].name",
        "finally[0].name",
    ]


def test_a_fault_in_one_task_hides_none_in_another():
    said = faults(
        text(
            {"type": "util.log"},
            task("b", "no.plugin"),
            task("c", properties={"message": "{{ outputs.zzz.y }}"}),
            7,  # pyright: ignore[reportArgumentType]
            bogus=1,
        )
    )
    assert [each.partition(": ")[0] for each in said] == [
        "tasks[0].name",
        "tasks[1].type",
        "tasks[2].properties.message",
        "tasks[3]",
        "bogus",
    ]


def test_a_member_that_cannot_be_read_hides_no_other_fault():
    told = faults(
        text(
            task("a", properties={"message": "{{ inputs.q }}"}, timeout=-1),
            task("b", "nope"),
            concurrency={"limit": 0},
            timeout="zz",
            retry={"maxAttempts": 0},
            inputs={"n": {"type": "strin"}},
            triggers=[{"type": "schedule", "cron": "61 * * * *", "timezone": "X"}],
        )
    )
    assert {each.partition(": ")[0] for each in told} == {
        "concurrency.limit",
        "retry.maxAttempts",
        "timeout",
        "inputs.n.type",
        "tasks[0].properties.message",
        "tasks[0].timeout",
        "tasks[1].type",
        "triggers[0].cron",
        "triggers[0].timezone",
    }


def test_a_member_of_a_task_that_cannot_be_read_hides_no_other_fault():
    inner = [task("c", "nope", when=7)]
    branch = {"condition": "{{ x }}", "then": inner}
    told = faults(
        text(
            task("a", properties={"message": "{{ inputs.q }}"}, timeout=[], disabled="no"),
            task("b", "core.if", properties=branch, continueOnError=1),
            task("d", properties=3),
        )
    )
    assert {each.partition(": ")[0] for each in told} == {
        "tasks[0].properties.message",
        "tasks[0].timeout",
        "tasks[0].disabled",
        "tasks[1].properties.condition",
        "tasks[1].continueOnError",
        "tasks[1].properties.then[0].type",
        "tasks[1].properties.then[0].when",
        "tasks[2].properties",
    }


def test_a_limit_says_what_becomes_of_one_more():
    for behavior, meant in (("QUEUE", "queue"), ("FAIL", "reject"), ("CANCEL", "cancel")):
        found = compiled(task("a"), concurrency={"limit": 2, "behavior": behavior})
        assert (found.max_runs, found.on_limit, found.lane) == (2, meant, None)


def test_the_key_of_a_limit_reads_what_is_known_before_the_execution():
    key = "{{ inputs.x }}-{{ trigger.body.y }}-{{ vars.z }}"
    limit = {"limit": 1, "key": key}
    more = {"inputs": {"x": {"type": "string"}}, "variables": {"z": 1}}
    assert compiled(task("a"), concurrency=limit, **more).lane == key
    for key, said in (
        ("{{ inputs.y }}", 'concurrency.key: no input "y"'),
        ("{{ outputs.a.x }}", 'concurrency.key: "outputs" is not known yet: inputs, trigger'),
        ("{{ execution.id }}", 'concurrency.key: "execution" is not known yet: inputs, trigger'),
        ("{{ inputs.", "concurrency.key: "),
        (3, "concurrency.key: "),
        ("k" * 1001, "concurrency.key: "),
    ):
        assert fault(task("a"), concurrency={"limit": 1, "key": key}).startswith(said)


def test_inputs_are_a_map_or_a_list():
    for given in (
        {"n": {"type": "INT", "default": 3}},
        [{"name": "n", "type": "int", "default": 3}],
    ):
        (one,) = compiled(task("a"), inputs=given).inputs
        assert (one.name, one.type, one.has_default, one.default) == ("n", "integer", True, 3)
    assert compiled(task("a"), inputs={"n": "string"}).inputs[0].type == "string"
    said = faults(
        text(task("a"), inputs={"n": {"type": "intt"}, "m": {"type": "int", "default": "x"}})
    )
    assert said == [
        'inputs.n.type: no type "intt" (did you mean "int"?)',
        "inputs.m.default: an integer is wanted",
    ]


def test_triggers_are_read_from_both_of_their_places():
    found = meant(
        text(
            task("a"),
            inputs={"n": "int"},
            triggers=[
                {"type": "schedule", "cron": "0 4 * * *", "timezone": "Europe/Berlin"},
                {"type": "webhook", "config": {"key": "k"}, "name": "hook", "enabled": False},
                {"type": "flow", "flow": "other", "statuses": ["FAILED"], "inputs": {"n": 1}},
            ],
        )
    ).triggers
    assert [type(each.spec) for each in found] == [Schedule, Webhook, Follow]
    assert [each.enabled for each in found] == [True, False, True]
    assert found[2].input == {"n": 1}
    assert isinstance(found[2].spec, Follow)
    assert "failed" in found[2].spec.statuses


def test_triggers_that_would_start_nothing_are_faults():
    triggers: list[Any] = [
        {"type": "schedule", "cron": "61 * * * *", "timezone": "Mars/Base"},
        {"type": "schedule"},
        {"type": "webhook", "key": "k", "config": {}},
        {"type": "cron"},
        {"type": "webhook", "inputs": {"x": 1}},
    ]
    said = faults(text(task("a"), triggers=triggers))
    assert [each.partition(":")[0] for each in said] == [
        "triggers[0].cron",
        "triggers[0].timezone",
        "triggers[1].cron",
        "triggers[2].key",
        "triggers[3].type",
        "triggers[4].inputs.x",
    ]


def test_the_triggers_of_a_disabled_flow_rest():
    hook = {"type": "webhook", "key": "k"}
    found = meant(text(task("a"), triggers=[hook], disabled=True))
    assert [each.enabled for each in found.triggers] == [False]


def test_what_holds_other_tasks_is_no_loop_and_what_takes_its_time_has_no_limit_of_a_try():
    said = faults(
        text(
            task("a", "core.if", properties={"condition": True}, forEach=[1]),
            task("b", "core.sleep", properties={"duration": 1}, retry={"maxAttempts": 2}),
            task("c", "core.subflow", properties={"flow": "f"}, timeout="1s"),
        )
    )
    assert said == [
        "tasks[0].forEach: is not for core.if: put the task into a core.forEach",
        "tasks[1].retry: is not for core.sleep",
        "tasks[2].timeout: is not for core.subflow",
    ]


def test_a_loop_has_a_time_for_the_whole_and_its_tasks_have_theirs():
    inner = [task("in", timeout="3s", retry={"maxAttempts": 2})]
    whole = task("all", "core.forEach", properties={"items": [1], "tasks": inner}, timeout="1m")
    each = task("each", forEach={"items": [1], "timeout": "2m"}, timeout="4s")
    found = steps(whole, each)
    told = {name: (step.timeout, step.each) for name, step in found.items()}
    for name, own, timeout in (("all", 60, 3), ("each", 120, 4)):
        outer, loop = told[name]
        assert loop is not None
        assert (outer, loop.timeout, loop.steps[0].timeout) == (None, own, timeout)


def test_what_cannot_be_tried_again_or_timed_as_a_whole_says_where_to_put_it():
    call = task("c", "core.subflow", properties={"flow": "f"})
    retry = {"maxAttempts": 2}
    said = faults(
        text(
            task("a", "core.forEach", properties={"items": [1], "tasks": [task("b")]}, retry=retry),
            task("d", "core.parallel", properties={"branches": {"x": [task("e")]}}, timeout="1s"),
            task("g", "core.forEach", properties={"items": [1], "tasks": [call]}, timeout="1s"),
            {**call, "name": "h", "forEach": {"items": [1], "timeout": "1s"}},
        )
    )
    subflow = "is not for a loop with a core.subflow in it: give that flow a timeout"
    assert said == [
        "tasks[0].retry: is not for core.forEach: give it to the tasks inside",
        "tasks[1].timeout: is not for core.parallel: give it to the tasks of its branches",
        f"tasks[2].timeout: {subflow}",
        f"tasks[3].forEach.timeout: {subflow}",
    ]


def test_only_so_many_templates_are_looked_at():
    many = {"values": {"all": ["{{ vars.v }}"] * 5001}}
    assert fault(task("a", "core.set", properties=many), variables={"v": 1}).endswith(
        "a flow has at most 5000 templates"
    )


def test_the_flow_of_the_documentation_is_one():
    page = Path(__file__).parents[2].joinpath("docs/flows.md").read_text("utf-8")
    found = meant(page.split("```yaml\n")[1].split("```")[0])
    assert found.definition.name == "order"
    assert found.warnings == []


@forall(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-3, 3)
        | st.sampled_from(
            ["a", "b", "{{ outputs.a }}", "util.log", "core.if", "core.forEach", "1s"]
        ),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *("name", "type", "properties", "tasks", "dependsOn", "when", "forEach"),
                        *("then", "cases", "branches", "items", "retry", "triggers", "inputs"),
                        *("10", "007", "", "default", "a b"),
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_no_text_is_too_odd_to_be_told_what_is_wrong_with_it(whole: Any) -> None:
    tasks: list[Any] = [values("a"), whole, task("b", properties={"message": whole})]
    for yaml in (text(*tasks), text(task("c"), onError=whole, inputs=whole, triggers=whole)):
        try:
            meant(yaml)
        except DefinitionInvalid:
            continue
