"""A plugin's call makes one report that says whose fault it was, whatever the plugin does."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.definition import Cache
from mainspring.domain.definition import Plugin as Call
from mainspring.domain.errors import LogUnavailable, Rejected
from mainspring.domain.message import Json
from mainspring.domain.task import CallId, Finished, LogLine, Task
from mainspring.plugin import Context, KeyValues, Manifest, PluginFailed, Registry
from mainspring.ports import HttpFault
from mainspring.store.memory_caches import MemoryBlobs
from mainspring.testing.http import Reply, ScriptedHttp
from mainspring.testing.patience import moment
from mainspring.testing.plugins import CountedChance, MemoryKeyValues, StillClock
from mainspring_executor.cache import PREFIX
from mainspring_executor.calls import DEEPEST, PluginCall
from mainspring_executor.large import LARGE
from mainspring_executor.shop import NoValues, Workshop

Run = Callable[[dict[str, Json], Context], Awaitable[Json]]
RUN = "0190f2d4-8b1e-7c3a-9d2e-5f6a7b8c9d0e"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
ANY: dict[str, Any] = {"type": "object"}


class Shelf(Registry):
    """A registry of plugins that a test has just written."""

    def __init__(self, **broken: str) -> None:
        super().__init__(broken)

    def add(self, run: Run | None, id: str = "test.do", **manifest: Any) -> None:
        module = ModuleType(f"shelf_{id}")
        told: dict[str, Any] = {"input": ANY, "output": ANY}
        told |= {"id": id, "name": id, "category": "Core", "description": "A test."}
        module.__dict__["MANIFEST"] = Manifest(**(told | manifest))
        if run is not None:
            module.__dict__["run"] = run
        self.put(id, module)


class Bench:
    """A call's surroundings."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.http = ScriptedHttp(self.clock)
        self.blobs = MemoryBlobs()
        self.kept = MemoryKeyValues(self.clock)
        self.store: KeyValues = self.kept
        self.plugins = Shelf()
        self.allowed = frozenset[str]()
        self.max_answer = 1 << 20

    def call(self, task: Task) -> PluginCall:
        shop = Workshop(
            self.http,
            self.blobs,
            self.clock,
            CountedChance(),
            name="executor-1",
            max_answer=self.max_answer,
            plugins=self.plugins,
            values=self._values,
            allowed=self.allowed,
        )
        assert task.plugin is not None
        return PluginCall(task, task.plugin, shop)

    def _values(self, task: Task) -> KeyValues:
        return self.store

    async def run(self, given: Json = None, id: str = "test.do", **changes: Any) -> Finished:
        return await self.call(task(given, id, **changes)).run()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def task(given: Json = None, id: str = "test.do", **changes: Any) -> Task:
    fields: dict[str, Any] = {
        "call": CallId(RUN, "work", attempt=2),
        "plugin": Call(id, given),
        "deadline": StillClock().now() + 60,
        "timeout": 30.0,
        "idempotency_key": "key-1",
        "traceparent": PARENT,
        "project": "shop",
    }
    return Task(**(fields | changes))


def doing(what: Callable[[dict[str, Json], Context], Json]) -> Run:
    async def run(given: dict[str, Json], context: Context) -> Json:
        await moment(0)
        return what(given, context)

    return run


def giving(output: object) -> Run:
    return doing(lambda _given, _context: output)


def raising(error: Exception) -> Run:
    async def run(_given: dict[str, Json], _context: Context) -> Json:
        await moment(0)
        raise error

    return run


def failure(report: Finished) -> tuple[str | None, str | None, bool]:
    made = report.exchange
    return made.fault, made.error, made.final


async def test_what_a_plugin_returns_is_the_body_of_the_report(bench: Bench) -> None:
    bench.plugins.add(doing(lambda given, _: {"said": given["text"]}))
    report = await bench.run({"text": "{{payload.text}}"}, values={"payload": {"text": "hi"}})
    made = report.exchange
    assert (made.verb, made.url, made.body) == ("PLUGIN", "test.do", {"said": "hi"})
    assert failure(report) == (None, None, False)
    assert report.call == CallId(RUN, "work", attempt=2)


async def test_one_whole_expression_keeps_its_values_type(bench: Bench) -> None:
    bench.plugins.add(doing(lambda given, _: given))
    report = await bench.run({"n": "{{payload.n}}"}, values={"payload": {"n": [1, {"a": None}]}})
    assert report.exchange.body == {"n": [1, {"a": None}]}


async def test_no_input_is_an_empty_one(bench: Bench) -> None:
    bench.plugins.add(doing(lambda given, _: {"given": given}))
    assert (await bench.run()).exchange.body == {"given": {}}


async def test_a_plugin_is_told_whose_call_it_is(bench: Bench) -> None:
    def told(_: dict[str, Json], context: Context) -> Json:
        return {
            "who": [context.execution, context.task, context.attempt, context.project],
            "key": context.idempotency_key,
            "trace": context.traceparent,
            "bounds": [context.timeout, context.max_output, context.memory_mb],
        }

    bench.plugins.add(doing(told))
    body = (await bench.run()).exchange.body
    assert body["who"] == [RUN, "work", 2, "shop"]
    assert body["key"] == "key-1"
    assert body["trace"].startswith(PARENT[:36])
    assert body["trace"] != PARENT
    assert body["bounds"] == [30.0, 1 << 20, 512]


async def test_every_fault_of_an_input_is_told_at_once_and_the_plugin_is_not_called(
    bench: Bench,
) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "to": {"type": "string"}},
        "required": ["to"],
        "additionalProperties": False,
    }
    bench.plugins.add(raising(AssertionError("it was called")), input=schema)
    fault, error, final = failure(await bench.run({"n": "three", "more": 1}))
    assert (fault, final) == ("template", True)
    assert error is not None
    assert error.startswith("the input is not valid: ")
    assert all(word in error for word in ("n:", '"to"', "more"))


async def test_an_input_that_is_no_object_is_refused(bench: Bench) -> None:
    bench.plugins.add(raising(AssertionError("it was called")))
    assert failure(await bench.run([1]))[0] == "template"


async def test_an_input_that_cannot_be_rendered_is_a_final_failure(bench: Bench) -> None:
    bench.plugins.add(raising(AssertionError("it was called")))
    fault, error, final = failure(await bench.run({"n": "{{ payload.none }}"}, language="cel"))
    assert (fault, final) == ("template", True)
    assert error


async def test_a_plugin_that_breaks_its_own_contract_fails_for_good(bench: Bench) -> None:
    schema = {"type": "object", "required": ["id"]}
    bench.plugins.add(giving({}), output=schema)
    fault, error, final = failure(await bench.run())
    assert (fault, final) == ("failed", True)
    assert error is not None
    assert "broke its own contract" in error


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=())),
    st.binary(max_size=4),
    st.datetimes(),
    st.decimals(),
    st.just(object()),
)
ANYTHING = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.tuples(inner)
        | st.frozensets(st.integers(), max_size=2)
    ),
    max_leaves=8,
)


@given(ANYTHING, st.booleans())
async def test_whatever_a_plugin_gives_there_is_a_report_that_can_be_sent_and_read(
    output: Any, fails: bool
) -> None:
    bench = Bench()
    bench.plugins.add(raising(PluginFailed("no", output=output)) if fails else giving(output))
    report = await bench.run()
    read = msgspec.json.decode(msgspec.json.encode(report), type=Finished)
    assert read == report
    if read.exchange.fault is None:
        assert read.exchange.body == output


def deep(levels: int) -> Json:
    value: Json = []
    for _ in range(levels):
        value = [value]
    return {"deep": value}


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"at": object()}, "there is a object in it"),
        ({1: 2}, "a key is a int"),
        ({"n": float("nan")}, "nan is no number"),
        ({"list": (1, 2)}, "there is a tuple in it"),
        (deep(DEEPEST), "deep"),
        ({"half": "\ud800"}, "no text"),
        (b"bytes", "there is a bytes in it"),
    ],
)
async def test_an_output_that_is_not_json_is_a_clear_failure(
    bench: Bench, output: object, said: str
) -> None:
    bench.plugins.add(giving(output))
    fault, error, final = failure(await bench.run())
    assert (fault, final) == ("failed", True)
    assert error is not None
    assert said in error


async def test_an_output_that_is_too_large_is_a_clear_failure(bench: Bench) -> None:
    bench.max_answer = 100
    bench.plugins.add(giving({"text": "x" * 100}))
    assert failure(await bench.run()) == (
        "too_large",
        "the output is larger than 100 bytes",
        False,
    )


async def test_a_large_output_travels_by_reference(bench: Bench) -> None:
    output = {"text": "x" * LARGE}
    bench.plugins.add(giving(output))
    report = await bench.run()
    assert report.exchange.body is None
    assert report.body_ref is not None
    assert msgspec.json.decode(await bench.blobs.get(report.body_ref) or b"") == output


async def test_large_values_and_a_large_input_come_by_reference(bench: Bench) -> None:
    bench.plugins.add(doing(lambda given, _: given))
    values = await bench.blobs.put(b'{"payload": {"n": 7}}')
    call = await bench.blobs.put(msgspec.json.encode(Call("test.do", {"n": "{{payload.n}}"})))
    report = await bench.run(None, values_ref=values, request_ref=call)
    assert report.exchange.body == {"n": 7}


async def test_what_a_task_refers_to_may_be_gone(bench: Bench) -> None:
    bench.plugins.add(doing(lambda given, _: given))
    assert failure(await bench.run(None, request_ref="none"))[0] == "internal"


async def test_a_plugin_says_itself_how_it_failed(bench: Bench) -> None:
    error = PluginFailed("no such order", final=True, output={"status": 404}, fault="connection")
    bench.plugins.add(raising(error))
    report = await bench.run()
    assert failure(report) == ("connection", "no such order", True)
    assert report.exchange.body == {"status": 404}


async def test_a_failures_output_that_is_no_json_is_dropped_and_that_is_told(
    bench: Bench,
) -> None:
    bench.plugins.add(raising(PluginFailed("it broke", output={"at": object()})))
    report = await bench.run()
    assert report.exchange.body is None
    assert (report.exchange.error or "").startswith("it broke (its output was dropped")


@pytest.mark.parametrize(
    ("error", "fault", "said", "final"),
    [
        (HttpFault("timeout", "late"), "timeout", "late", False),
        (HttpFault("refused", "not there"), "refused", "not there", False),
        (LogUnavailable("no log"), "failed", "a neighbour is away: no log", False),
        (Rejected("the key is too long"), "failed", "the key is too long", True),
        (TimeoutError("its own"), "failed", "the plugin failed (TimeoutError)", False),
        (KeyError("secret"), "failed", "the plugin failed (KeyError)", False),
    ],
)
async def test_whatever_a_plugin_raises_is_a_failure_of_that_kind(
    bench: Bench, error: Exception, fault: str, said: str, final: bool
) -> None:
    bench.plugins.add(raising(error))
    assert failure(await bench.run()) == (fault, said, final)


async def test_a_plugin_that_leaves_does_not_take_the_executor_along(bench: Bench) -> None:
    async def leave(_given: dict[str, Json], _context: Context) -> Json:
        await moment(0)
        sys.exit(3)

    bench.plugins.add(leave)
    assert failure(await bench.run()) == ("failed", "the plugin failed (SystemExit)", False)


async def test_a_cancel_of_the_plugins_own_is_its_failure(bench: Bench) -> None:
    async def stumble(_given: dict[str, Json], _context: Context) -> Json:
        waiting = asyncio.ensure_future(asyncio.Event().wait())
        waiting.cancel()
        await waiting

    bench.plugins.add(stumble)
    assert failure(await bench.run()) == ("failed", "the plugin failed (CancelledError)", False)


async def test_a_call_that_is_stopped_from_outside_is_no_failure_of_the_plugin(
    bench: Bench,
) -> None:
    going = asyncio.Event()

    async def wait(_given: dict[str, Json], _context: Context) -> Json:
        going.set()
        await asyncio.Event().wait()

    bench.plugins.add(wait)
    running = asyncio.ensure_future(bench.call(task()).run())
    await going.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_a_plugin_says_of_its_failure_can_always_be_sent(bench: Bench) -> None:
    odd: Any = "unheard of"
    bench.plugins.add(raising(PluginFailed("half \ud800 " + "x" * 20_000, fault=odd)))
    report = await bench.run()
    fault, error, _ = failure(report)
    assert fault == "failed"
    assert (error or "").startswith("half ? xxx")
    assert msgspec.json.decode(msgspec.json.encode(report), type=Finished) == report


async def test_what_nobody_foresaw_stands_in_the_log_with_its_place(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.plugins.add(raising(KeyError("secret")))
    with caplog.at_level(logging.ERROR):
        await bench.run()
    [record] = caplog.records
    assert record.exc_info is not None


async def test_a_plugin_that_takes_too_long_is_stopped(bench: Bench) -> None:
    stopped: list[bool] = []

    async def wait(_given: dict[str, Json], context: Context) -> Json:
        context.log("waiting")
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    bench.plugins.add(wait)
    report = await bench.run(timeout=0.01)
    assert failure(report) == ("timeout", "it took longer than 0.01 s", False)
    assert stopped == [True]
    assert [line.message for line in report.logs] == ["waiting"]


async def test_a_manifest_that_is_no_schema_is_a_failure_and_not_the_end(bench: Bench) -> None:
    bench.plugins.add(giving({}), input={"type": "nonsense"})
    assert failure(await bench.run())[0] == "internal"


async def test_a_plugin_that_is_not_installed_is_told_with_the_nearest_one(bench: Bench) -> None:
    bench.plugins.add(giving({}), "http.request")
    fault, error, final = failure(await bench.run(None, "http.reqest"))
    said = "no plugin http.reqest is installed; did you mean http.request?"
    assert (fault, error, final) == ("failed", said, True)


async def test_a_plugin_that_cannot_be_loaded_says_so(bench: Bench) -> None:
    bench.plugins = Shelf(**{"test.do": "no.such.module"})
    fault, error, final = failure(await bench.run())
    assert (fault, final) == ("failed", True)
    assert error == "the plugin test.do cannot be loaded (ModuleNotFoundError)"


async def test_a_control_of_the_engine_is_not_called(bench: Bench) -> None:
    bench.plugins.add(None, is_control=True)
    assert failure(await bench.run())[2]


async def test_what_the_deployment_does_not_allow_is_refused_with_what_to_set(
    bench: Bench,
) -> None:
    bench.plugins.add(giving({}), needs="shell")
    fault, error, final = failure(await bench.run())
    assert (fault, final) == ("refused", True)
    assert error is not None
    assert "MAINSPRING_ALLOW_TASKS has nothing" in error
    bench.allowed = frozenset({"shell"})
    assert failure(await bench.run())[0] is None


async def test_an_expression_sees_the_projects_keys(bench: Bench) -> None:
    await bench.kept.set("shop", "rate", 1.5, ttl=None)
    bench.plugins.add(doing(lambda given, _: given))
    report = await bench.run({"rate": "{{ kv('rate') }}"}, language="jinja")
    assert report.exchange.body == {"rate": 1.5}


async def test_a_key_that_has_no_value_fails_the_expression(bench: Bench) -> None:
    bench.plugins.add(doing(lambda given, _: given))
    report = await bench.run({"rate": "{{ kv('none') }}"}, language="jinja")
    assert failure(report)[0] == "template"


class AwayValues(MemoryKeyValues):
    async def get(self, namespace: str, key: str) -> tuple[Json] | None:
        raise LogUnavailable(f"{namespace}/{key}")


async def test_a_store_that_is_away_before_the_call_is_no_attempt(bench: Bench) -> None:
    bench.store = AwayValues(bench.clock)
    bench.plugins.add(raising(AssertionError("it was called")))
    with pytest.raises(LogUnavailable):
        await bench.run({"rate": "{{ kv('rate') }}"}, language="jinja")


async def test_a_plugin_calls_peers_as_the_engine_and_closes_no_client(bench: Bench) -> None:
    async def ask(given: dict[str, Json], context: Context) -> Json:
        answer = await context.http.request(
            "GET", given["url"], headers={}, body=None, timeout=9999.0, max_body=1000
        )
        await context.http.close()
        return {"status": answer.status}

    bench.http.on("GET", "http://shop.test/*", Reply(204))
    bench.plugins.add(ask)
    report = await bench.run({"url": "http://shop.test/a"})
    assert report.exchange.body == {"status": 204}
    [made] = bench.http.calls
    assert made.headers["user-agent"].startswith("mainspring/")


async def test_secrets_of_the_definition_are_masked_in_lines_output_and_error(
    bench: Bench,
) -> None:
    async def leak(given: dict[str, Json], context: Context) -> Json:
        await moment(0)
        context.log(f"using {given['apiKey']}")
        if given.get("fail"):
            raise PluginFailed(f"bad key {given['apiKey']}", output={"key": given["apiKey"]})
        return {given["apiKey"]: [given["apiKey"]]}

    bench.plugins.add(leak)
    report = await bench.run({"apiKey": "hunter2-hunter2"})
    assert [line.message for line in report.logs] == ["using [hidden]"]
    assert report.exchange.body == {"[hidden]": ["[hidden]"]}
    failed = await bench.run({"apiKey": "hunter2-hunter2", "fail": True})
    assert failed.exchange.error == "bad key [hidden]"
    assert failed.exchange.body == {"key": "[hidden]"}


async def test_a_value_that_came_from_the_run_is_data_and_not_masked(bench: Bench) -> None:
    bench.plugins.add(doing(lambda given, _: given))
    report = await bench.run(
        {"token": "{{payload.token}}"}, values={"payload": {"token": "of-the-payload"}}
    )
    assert report.exchange.body == {"token": "of-the-payload"}


async def test_lines_are_reported_once_and_in_order(bench: Bench) -> None:
    def talk(_: dict[str, Json], context: Context) -> Json:
        for n in range(3):
            context.log(f"line {n}", "WARN" if n == 1 else "INFO")
        return {}

    bench.plugins.add(doing(talk))
    made = bench.call(task())
    report = await made.run()
    assert [(line.level, line.message) for line in report.logs] == [
        ("INFO", "line 0"),
        ("WARN", "line 1"),
        ("INFO", "line 2"),
    ]
    assert made.said() is None


async def test_what_was_said_before_the_end_is_not_said_again(bench: Bench) -> None:
    going, over = asyncio.Event(), asyncio.Event()

    async def talk(_given: dict[str, Json], context: Context) -> Json:
        context.log("first")
        going.set()
        await over.wait()
        context.log("last")
        return {}

    bench.plugins.add(talk)
    made = bench.call(task())
    running = asyncio.ensure_future(made.run())
    await going.wait()
    said = made.said()
    over.set()
    report = await running
    assert said is not None
    assert [line.message for line in said.lines] == ["first"]
    assert [line.message for line in report.logs] == ["last"]
    assert said.lines[-1].at < report.logs[0].at


def instants(lines: tuple[LogLine, ...]) -> list[float]:
    return [line.at for line in lines]


async def test_each_line_is_later_than_the_one_before(bench: Bench) -> None:
    def talk(_: dict[str, Json], context: Context) -> Json:
        for _n in range(50):
            context.log("again")
        return {}

    bench.plugins.add(doing(talk))
    found = instants((await bench.run()).logs)
    assert found == sorted(set(found))


# What is kept for equal calls.


class Counted:
    """A plugin that gives how often it was called, or fails at first."""

    def __init__(self, fails: int = 0) -> None:
        self.calls = 0
        self._fails = fails

    async def run(self, _given: dict[str, Json], _context: Context) -> Json:
        await moment(0)
        self.calls += 1
        if self.calls <= self._fails:
            raise PluginFailed("not yet")
        return {"n": self.calls}


def kept(given: Json = None, id: str = "test.do", key: str | None = None) -> Task:
    plugin = Call(id, given, Cache(60.0, key))
    return task(plugin=plugin, values={"payload": {"a": 1, "b": 2}})


async def outputs(bench: Bench, *tasks: Task) -> list[tuple[Json, bool]]:
    made = [(await bench.call(one).run()).exchange for one in tasks]
    return [(each.body, each.cached) for each in made]


async def test_a_call_equal_to_one_that_succeeded_takes_its_output(bench: Bench) -> None:
    bench.plugins.add(Counted().run)
    bench.plugins.add(Counted().run, "test.other")
    told = await outputs(
        bench,
        kept({"x": "{{payload.a}}", "y": 1}),
        kept({"y": 1, "x": "{{payload.a}}"}),
        kept({"x": "{{payload.b}}", "y": 1}),
        kept({"x": "{{payload.a}}", "y": 1}, "test.other"),
    )
    assert told == [({"n": 1}, False), ({"n": 1}, True), ({"n": 2}, False), ({"n": 1}, False)]


async def test_what_is_kept_holds_for_as_long_as_it_may(bench: Bench) -> None:
    bench.plugins.add(Counted().run)
    assert await outputs(bench, kept(), kept()) == [({"n": 1}, False), ({"n": 1}, True)]
    bench.clock.at += 60.0
    assert await outputs(bench, kept()) == [({"n": 2}, False)]


async def test_a_key_stands_for_the_input(bench: Bench) -> None:
    bench.plugins.add(Counted().run)
    told = await outputs(
        bench,
        kept({"x": 1}, key="k{{payload.a}}"),
        kept({"x": 2}, key="k{{payload.a}}"),
        kept({"x": 1}, key="k{{payload.b}}"),
    )
    assert told == [({"n": 1}, False), ({"n": 1}, True), ({"n": 2}, False)]


async def test_no_failure_is_kept(bench: Bench) -> None:
    bench.plugins.add(Counted(fails=1).run)
    assert await outputs(bench, kept(), kept()) == [(None, False), ({"n": 2}, False)]


async def test_a_call_that_is_not_made_says_so(bench: Bench) -> None:
    bench.plugins.add(Counted().run)
    await bench.call(kept()).run()
    report = await bench.call(kept()).run()
    assert [line.message for line in report.logs] == [
        "not called: an equal call gave this output before"
    ]


async def test_without_a_store_every_call_is_made(bench: Bench) -> None:
    bench.plugins.add(Counted().run)
    bench.store = NoValues()
    assert await outputs(bench, kept(), kept()) == [({"n": 1}, False), ({"n": 2}, False)]


async def test_an_output_that_is_no_more_the_plugins_is_not_taken(bench: Bench) -> None:
    bench.plugins.add(Counted().run)
    await bench.call(kept()).run()
    schema = {"type": "object", "required": ["m"]}
    bench.plugins.add(giving({"m": 1}), output=schema)
    assert await outputs(bench, kept()) == [({"m": 1}, False)]


async def test_an_output_that_is_too_large_is_not_kept_and_that_is_told(bench: Bench) -> None:
    bench.max_answer = 4 << 20
    bench.plugins.add(giving({"text": "x" * (1 << 20)}))
    report = await bench.call(kept()).run()
    assert report.exchange.fault is None
    assert "not kept for the next time" in report.logs[0].message
    assert await bench.kept.keys("shop", PREFIX, limit=9) == []
