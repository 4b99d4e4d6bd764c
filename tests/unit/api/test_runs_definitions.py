"""From YAML to the engine's form: what a workflow means, and every fault in its place."""

import re
from pathlib import Path
from textwrap import dedent
from time import process_time

import pytest

from mainspring.domain.definition import Child, Guard, Plugin, Retry, Step
from mainspring.http.faults import Faults
from mainspring.plugin import installed
from mainspring.runtime.beginnings import environment, payload_of
from mainspring_api.dialects.runs.actions import Known, Pin
from mainspring_api.dialects.runs.compile import Workflow, compile_workflow
from mainspring_api.dialects.runs.examples import YAML
from mainspring_api.dialects.yamls import DocumentInvalid, read_yaml

PLUGINS = installed()
OTHERS: dict[tuple[str, int | None], Pin] = {
    ("other", None): Pin("o1", None),
    ("other", 2): Pin("o1", "h2"),
}


def compiled(text: str) -> Workflow:
    faults = Faults()
    document = read_yaml(dedent(text), faults)
    return compile_workflow(document, Known(PLUGINS, OTHERS, ""), faults)


def faults_of(text: str) -> list[str]:
    with pytest.raises(DocumentInvalid) as refused:
        compiled(text)
    return list(refused.value.faults)


def steps_of(*steps: str, more: str = "") -> dict[str, Step]:
    """Return the compiled steps of a workflow whose steps are written in flow style."""
    text = "name: w\n" + more + "steps:\n" + "".join(f"- {step}\n" for step in steps)
    return compiled(text).definition.by_ref


def step_faults(*steps: str, more: str = "") -> list[str]:
    """Return what is said of steps, without their lines."""
    text = "name: w\n" + more + "steps:\n" + "".join(f"- {step}\n" for step in steps)
    return [fault.partition(" ")[2] for fault in faults_of(text)]


LOG = "action: util.log, params: {message: hi}"


def test_what_an_expression_names_is_depended_on() -> None:
    steps = steps_of(
        f"{{name: a, {LOG}}}",
        f"{{name: b-c, {LOG}}}",
        "{name: d, action: util.log, params: {message: '{{ steps.a.output.message }}'}}",
        f"{{name: e, {LOG}, if: \"steps['b-c'].output.message != ''\"}}",
        "{name: f, action: util.log, depends_on: [a], params: {message: '{{ steps.b-c.error }}'}}",
    )
    assert {ref: step.needs for ref, step in steps.items()} == {
        "a": (),
        "b-c": (),
        "d": ("a",),
        "e": ("b-c",),
        "f": ("a", "b-c"),
    }


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("steps.b-c.output.n - 1 > 0", 'steps["b-c"].output.n - 1 > 0'),
        ("steps . b-c . output.n > 0", 'steps ["b-c"] . output.n > 0'),
        ("'steps.b-c' == steps.b-c.output", "'steps.b-c' == steps[\"b-c\"].output"),
        ("steps.b-c.output-steps.b.output > 0", 'steps["b-c"].output-steps.b.output > 0'),
        ("steps.b-2nd.output == 1", 'steps["b-2nd"].output == 1'),
        ("steps.b.output-1 > 0", "steps.b.output-1 > 0"),
        ("inputs.steps.b-inputs.n > 0", "inputs.steps.b-inputs.n > 0"),
        ("[1].exists(x, steps.b-c.output == x)", '[1].exists(x, steps["b-c"].output == x)'),
        ("{{ steps.b-c.output }}", 'steps["b-c"].output'),
    ],
)
def test_names_with_hyphens_are_read_in_dot_form(written: str, read: str) -> None:
    steps = steps_of(
        *(f"{{name: {name}, {LOG}}}" for name in ("b", "b-c", "b-2nd")),
        f"{{name: z, {LOG}, if: {written!r}}}",
        more="inputs: {steps: , n: }\n",
    )
    assert steps["z"].when == Guard("cel", read)


def test_a_step_has_all_that_it_says() -> None:
    retry = "{max_attempts: 3, backoff: exponential, delay: 300ms, max_delay: 1m30s}"
    steps = steps_of(
        f"{{name: a, {LOG}, timeout: 1m30s, retry: {retry}, continue_on_error: true, if: true}}",
        "{name: b, action: workflow/run, params: {workflow: other, inputs: {x: '{{ env.X }}'}}}",
        "{name: c, action: workflow/run, params: {workflow: other, version: 2}}",
        "{name: d, action: core.sleep, params: {duration: 5m}}",
        "{name: e, action: http/request, params: {url: 'http://a/b', timeout: 2m}}",
    )
    a = steps["a"]
    assert a.plugin == Plugin("util.log", {"message": "hi"})
    assert (a.timeout, a.on_failure, a.when) == (90.0, "continue", Guard("cel", "true"))
    assert a.retry == Retry(retries=2, delay=0.3, max_delay=90.0, multiplier=2.0, jitter=0.1)
    gives = ("execution_id", "status", "steps")
    assert steps["b"].child == Child("other", {"x": "{{ env.X }}"}, names=gives)
    assert steps["c"].child == Child("o1", {}, "h2", gives)
    assert (steps["d"].kind, steps["d"].pause) == ("sleep", "5m")
    assert steps["e"].timeout == 120.0


def test_the_environment_is_asked_for_only_where_it_is_read() -> None:
    def aliases(message: str) -> dict[str, str]:
        step = f"{{name: a, action: util.log, params: {{message: '{message}'}}}}"
        return compiled(f"name: w\nsteps: [{step}]").definition.aliases

    assert "env" not in aliases("env.X")
    assert aliases("{{ env.X }}")["env"] == "payload.env"


def test_the_name_of_a_route_is_no_workflows() -> None:
    (fault,) = faults_of(f"name: validate\nsteps: [{{name: a, {LOG}}}]")
    assert fault.startswith('1:1: name: "validate" is the name of a route')


def test_hooks_run_one_after_the_other_and_on_finish_last() -> None:
    text = f"""
        name: w
        steps: [{{name: a, {LOG}}}]
        hooks:
          timeout: 2m
          on_success: [{{name: s1, {LOG}}}, {{name: s2, {LOG}}}]
          on_failure: [{{name: f1, {LOG}}}]
          on_finish: [{{name: x1, {LOG}}}, {{name: x2, {LOG}}}]
        """
    definition = compiled(text).definition
    hooks = {ref: (step.needs, step.after) for ref, step in definition.by_ref.items() if step.after}
    bad = ("failed", "timed_out")
    assert hooks == {
        "s1": ((), ("succeeded",)),
        "s2": (("s1",), ("succeeded",)),
        "f1": ((), bad),
        "x1": (("s2", "f1"), ("succeeded", *bad)),
        "x2": (("x1",), ("succeeded", *bad)),
    }
    assert definition.after_timeout == 120.0
    assert all(definition.by_ref[ref].on_failure == "continue" for ref in hooks)


def test_all_faults_are_told_at_once_in_the_order_of_the_text() -> None:
    text = """\
        nmae: x
        name: Fetch-
        inputs:
          Bad: {type: strng}
          e: {type: number, enum: [1, "b"], default: x}
        steps:
          - name: a
            acton: util.log
          - name: b
            action: util.lgo
            depends_on: [c, zz, b]
            timeout: 30
            params: {message: "{{ steps.cc.output + }}", x: "{{ inputs.ee }}"}
          - name: c
            action: util.log
            params: {mesage: "{{ steps.b.output }}"}
            if: steps.b.outputs.x > 1 && hooks.h.output
            retry: {max_attempts: 0}
          - name: c
            action: core.forEach
        triggers:
          - {type: cron, schedule: "* * *", timezone: Mars/X}
          - {type: webhok}
        hooks:
          on_fail: []
        on_limit: drop
        """
    assert [
        fault.partition(" ")[0] + fault.partition(": ")[2][:32] for fault in faults_of(text)
    ] == [
        "1:1:nmae: is not known here (did you",
        "2:1:name: must be lower-case letters",
        "4:3:inputs.Bad: must be lower-case l",
        '4:9:inputs.Bad.type: "strng" is not ',
        "5:31:inputs.e.enum[1]: a number is wa",
        "5:37:inputs.e.default: a number is wa",
        "7:5:steps[0].action: is missing",
        "8:5:steps[0].acton: is not known her",
        '10:5:steps[1].action: no action "util',
        "11:21:steps[1].depends_on[1]: no step ",
        '11:25:steps[1].depends_on[2]: step "b"',
        "12:5:steps[1].timeout: a duration is ",
        "13:14:steps[1].params.message: line 1,",
        '13:50:steps[1].params.x: no input "ee"',
        "16:5:steps[2].params: Additional prop",
        '16:5:steps[2].params: "message" is a ',
        "17:5:steps[2].if: hooks run after the",
        '17:5:steps[2].if: "steps.b" has no "o',
        "18:13:steps[2].retry.max_attempts: mus",
        '19:5:steps[3].name: "c" is that of st',
        "20:5:steps[3].action: core.forEach is",
        "22:18:triggers[0].schedule: needs 5 fi",
        "22:37:triggers[0].timezone: is no time",
        '23:6:triggers[1].type: "webhok" is no',
        "25:3:hooks.on_fail: is not known here",
        '26:1:on_limit: "drop" is not one of q',
    ]


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (f"{{name: a, {LOG}, timeout: 30}}", "steps[0].timeout: a duration is wanted, such as 30s"),
        (f"{{name: a, {LOG}, timeout: 0s}}", "steps[0].timeout: must be 1ms or more"),
        (f"{{name: a, {LOG}, timeout: 25h}}", "steps[0].timeout: must be 24h or less"),
        (f"{{name: a, {LOG}, timeout: 5 min}}", 'steps[0].timeout: "5 min" is no duration'),
        (f"{{name: a, {LOG}, timeout: -5s}}", 'steps[0].timeout: "-5s" is no duration'),
        (f"{{name: a, {LOG}, credential: x}}", "steps[0].credential: credentials are not"),
        (f"{{name: a, {LOG}, artifacts: []}}", "steps[0].artifacts: this server stores no"),
        (f"{{name: a, {LOG}, max_parallel: 2}}", "steps[0].max_parallel: steps run at once"),
        (f"{{name: a-, {LOG}}}", "steps[0].name: must be lower-case letters"),
        (f"{{name: a, {LOG}, if: 'steps'}}", "steps[0].if: says not which step"),
        (f"{{name: a, {LOG}, if: steps.a.output}}", 'steps[0].if: step "a" cannot read itself'),
        (f"{{name: a, {LOG}, if: artifacts.x}}", 'steps[0].if: unknown name "artifacts": this'),
        (f"{{name: a, {LOG}, if: input.x}}", 'steps[0].if: unknown name "input" (did you mean'),
        (f"{{name: a, {LOG}, if: [x]}}", "steps[0].if: cannot be a list"),
        ("{name: a, action: workflow/run}", "steps[0].params.workflow: the name of a workflow"),
        (
            "{name: a, action: workflow/run, params: {workflow: ohter}}",
            'steps[0].params.workflow: no workflow "ohter" (did you mean "other"?)',
        ),
        (
            "{name: a, action: workflow/run, params: {workflow: other, version: 7}}",
            'steps[0].params.workflow: no workflow "other" in version 7',
        ),
        (
            "{name: a, action: workflow/run, params: {workflow: '{{ inputs.x }}'}}",
            "steps[0].params.workflow: the name of a workflow is wanted, written out",
        ),
        (
            "{name: a, action: workflow/run, params: {workflow: other}, timeout: 5s}",
            "steps[0].timeout: the workflow that is run has a timeout of its own",
        ),
        (
            "{name: a, action: workflow/run, params: {workflow: other, input: {}}}",
            'steps[0].params.input: is not known here (did you mean "inputs"?)',
        ),
        ("{name: a, action: core.if}", "steps[0].action: core.if is no action here: write the"),
        ("{name: a, action: core.switch}", "steps[0].action: core.switch is no action here"),
        ("{name: a, action: core.parallel}", "steps[0].action: core.parallel is no action here"),
        ("{name: a, action: core.sleep}", "steps[0].params: one of duration and until is wanted"),
        (
            "{name: a, action: core.sleep, params: {duration: soon}}",
            "steps[0].params.duration: is no duration",
        ),
        (
            "{name: a, action: core.sleep, params: {until: '2030-01-01'}}",
            "steps[0].params.until: is no instant",
        ),
        ("{name: a, action: '{{ inputs.x }}'}", "steps[0].action: must be written out"),
        (
            "{name: a, action: http/request, params: {url: ftp://a/b}}",
            "steps[0].params.url: must begin with http:// or https://",
        ),
        (
            "{name: a, action: http/request, params: {url: 'http://u:p@a/{{ inputs.x }}'}}",
            "steps[0].params.url: must have no user name or password",
        ),
        (
            "{name: a, action: http/request, params: {url: http://a, headers: {Host: b}}}",
            "steps[0].params.headers.Host: is set by the engine",
        ),
        (
            "{name: a, action: util.log, params: {message: '{{ 1'}}",
            "steps[0].params.message: line 1, column 1: an expression is never closed",
        ),
        ("[a]", "steps[0]: an object is wanted, not a list"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(step: str, fault: str) -> None:
    found = step_faults(step, more="inputs: {x: }\n")
    assert any(each.startswith(fault) for each in found), found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1: a workflow is an object, not null"),
        ("[]", "1:1: a workflow is an object, not a list"),
        ("name: w\nsteps: []", "2:1: steps: at least one step is wanted"),
        ("name: w", "1:1: steps: is missing"),
        ("name: w\nsteps: {}", "2:1: steps: a list is wanted, not an object"),
        (f"name: w\nsteps: [{{name: a, {LOG}}}]\ntoken_budget: 0", "3:1: token_budget: this serv"),
        (f"name: w\nsteps: [{{name: a, {LOG}}}]\ntimeout: 0s", "3:1: timeout: must be 1ms or"),
        (
            f"name: w\nsteps: [{{name: a, {LOG}}}]\ntriggers: [{{type: email, mailbox: x}}]",
            "3:13: triggers[0].type: this server reads no mail",
        ),
        (
            f"name: w\ninputs: {{x: {{required: true}}}}\nsteps: [{{name: a, {LOG}}}]\n"
            "triggers: [{type: cron, schedule: '@daily'}]",
            "4:12: triggers[0].inputs.x: is required",
        ),
        (
            f"name: w\nsteps: [{{name: a, {LOG}}}]\n"
            "triggers: [{type: webhook, path: /hooks/x}, {type: webhook, path: x}]",
            "3:61: triggers[1].path: is that of triggers[0] too",
        ),
        (
            f"name: w\nsteps: [{{name: a, {LOG}}}]\nhooks: {{on_finish: [{{name: a, {LOG}}}]}}",
            '3:22: hooks.on_finish[0].name: "a" is that of steps[0] too',
        ),
        (
            f"name: w\nsteps: [{{name: a, {LOG}}}]\n"
            f"hooks: {{on_failure: [{{name: h, {LOG}, if: hooks.i.output}}, {{name: i, {LOG}}}]}}",
            'hooks.on_failure[0].if: hook "i" does not run before this one',
        ),
    ],
)
def test_a_workflow_that_says_too_little_or_too_much_is_refused(text: str, fault: str) -> None:
    found = faults_of(text)
    assert any(fault in each for each in found), found


def test_a_cycle_is_named() -> None:
    found = step_faults(
        "{name: a, action: util.log, params: {message: '{{ steps.c.output }}'}}",
        f"{{name: b, {LOG}, depends_on: [a]}}",
        f"{{name: c, {LOG}, if: steps.b.output.x}}",
    )
    assert len(found) == 1
    assert found[0].startswith("steps: depend on each other in a cycle: ")
    assert set(found[0].partition("cycle: ")[2].split(" → ")) == {"a", "b", "c"}


def test_params_are_checked_as_far_as_they_are_written_out() -> None:
    url = "params: {url: '{{ inputs.u }}', method: "
    more = "inputs: {u: , m: }\n"
    assert steps_of(f"{{name: a, action: http/request, {url}'{{{{ inputs.m }}}}'}}}}", more=more)
    found = step_faults(
        f"{{name: a, action: http/request, {url}'FETCH'}}}}",
        "{name: b, action: http/request, params: {method: '{{ inputs.m }}'}}",
        more=more,
    )
    assert [each.partition(": ")[0] for each in found] == [
        "steps[0].params.method",
        "steps[1].params",
    ]
    assert "url" in found[1]


def test_the_environment_goes_with_a_run_that_reads_it() -> None:
    def payload(message: str) -> object:
        step = f"{{name: a, action: util.log, params: {{message: '{message}'}}}}"
        definition = compiled(f"name: w\nsteps: [{step}]").definition
        return payload_of(definition, "runs", {}, env={"X": "1"})

    assert environment({"MAINSPRING_ENV_X": "1", "X": "2", "MAINSPRING_HOST": "3"}) == {"X": "1"}
    begun = {"inputs": {}, "trigger": {"type": "api"}}
    assert payload("x") == begun
    assert payload("{{ env.X }}") == begun | {"env": {"X": "1"}}


def test_the_examples_of_the_pages_can_be_applied() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "runs.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for example in (text, YAML):
        assert compiled(example).definition.name == "fetch-and-summarize"


def test_a_large_workflow_is_judged_within_a_second() -> None:
    steps = [
        f"{{name: s{n}, action: util.log, params: {{message: '{{{{ steps.s{n - 1}.output }}}}'}}}}"
        for n in range(1, 500)
    ]
    text = f"name: w\nsteps:\n- {{name: s0, {LOG}}}\n" + "".join(f"- {step}\n" for step in steps)
    began = process_time()
    assert len(compiled(text).definition.steps) == 500
    assert process_time() - began < 1.5
    wrong = text.replace("steps.s", "steps.x")
    began = process_time()
    assert len(faults_of(wrong)) == 100
    assert process_time() - began < 1.5


def test_more_expressions_than_anybody_writes_are_a_fault_and_cost_little() -> None:
    many = ", ".join(f"'{{{{ inputs.a{n} }}}}'" for n in range(12_000))
    step = f"{{name: a, action: core.set, params: {{values: {{x: [{many}]}}}}}}"
    text = f"name: w\ninputs: {{}}\nsteps:\n- {step}\n"
    began = process_time()
    assert len(faults_of(text)) == 101
    known = ", ".join(f"'{{{{ inputs.a + {n} }}}}'" for n in range(12_000))
    found = faults_of(text.replace(many, known).replace("inputs: {}", "inputs: {a: }"))
    assert process_time() - began < 4
    assert len(found) == 1
    assert "the workflow has more than 4000 expressions" in found[0]
