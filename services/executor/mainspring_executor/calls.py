"""One call of a plugin: its input rendered and checked, its output checked, one report of it.

A plugin is trusted code that anybody may feed, so whatever it does ends in a report that says whose
fault it was.  What fails before the plugin is called, because a neighbour is away, is no attempt
and raises `Transient`; from then on it has acted, and the retry policy decides.
"""

import asyncio
import logging
from difflib import get_close_matches
from math import isfinite
from typing import Final, NamedTuple, cast, get_args

import msgspec

from mainspring.domain.definition import Plugin as Call
from mainspring.domain.errors import MainspringError, Transient
from mainspring.domain.expression import ExpressionError, compile_template
from mainspring.domain.message import Json
from mainspring.domain.secrets import literals_in, without
from mainspring.domain.task import PLUGIN, Exchange, Fault, Finished, Logged, Task
from mainspring.plugin import Plugin, PluginFailed
from mainspring.plugin.errors import Kind
from mainspring.ports import HttpFault
from mainspring.telemetry import metrics, spans
from mainspring_executor import large
from mainspring_executor.book import Book
from mainspring_executor.cache import Kept
from mainspring_executor.large import LARGE, Lost
from mainspring_executor.prepare import child_of
from mainspring_executor.reach import Reach
from mainspring_executor.shop import Workshop

DEEPEST: Final = 200
"""How deep an output may nest: every reader of the log has to follow."""

LONGEST_ERROR: Final = 8 * 1024
"""Characters: every fault of an input is to be told."""

_KINDS: Final = frozenset(get_args(Kind))
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_call = msgspec.json.Decoder(Call).decode
_log = logging.getLogger(__name__)


class _Failure(NamedTuple):
    """How a call failed."""

    fault: Fault
    text: str
    final: bool = False
    output: Json = None


class _Unmade(Exception):
    """The call cannot be made, however often it is tried."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text)
        self.fault: Fault = fault


class PluginCall:
    """One try of one plugin call, which knows at each moment what can be reported of it."""

    __slots__ = (
        "_cached",
        "_call",
        "_kept_at",
        "_secrets",
        "_shop",
        "_since",
        "book",
        "started_at",
        "task",
    )

    def __init__(self, task: Task, call: Call, shop: Workshop) -> None:
        self.task = task
        self.book = Book(shop.clock)
        self.started_at = shop.clock.now()
        self._call = call
        self._shop = shop
        self._since = shop.clock.monotonic()
        self._secrets = frozenset[str]()
        self._kept_at: Kept | None = None
        self._cached = False

    async def run(self) -> Finished:
        """Make the call and return its report.

        Raises `Transient` when nothing was done and it should be tried again later.
        """
        try:
            return await self._run()
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the scheduler hears of it
            about = {"execution": self.task.call.execution, "plugin": self._call.id}
            _log.exception("a call of a plugin failed here", extra=about)
            return self.failed("internal", f"the executor failed ({type(error).__name__})")

    async def _run(self) -> Finished:
        try:
            plugin, given = await self._ready()
        except _Unmade as fault:
            return await self._failed(_Failure(fault.fault, str(fault), final=True))
        except ExpressionError as error:
            return await self._failed(_Failure("template", str(error), final=True))
        except PluginFailed as error:
            return await self._failed(_Failure(error.fault, str(error), final=error.final))
        except Lost as error:
            return await self._failed(_Failure("internal", str(error)))
        made = await self._kept_output(plugin) or await self._made(plugin, given)
        if isinstance(made, _Failure):
            return await self._failed(made)
        if self._kept_at is not None and not self._cached:
            fault = await self._kept_at.keep(self._shown(made[0]))
            if fault is not None:
                self.book.write(fault, "WARN")
        return await self._report(None, made[0])

    async def _kept_output(self, plugin: Plugin) -> tuple[Json] | None:
        """Return what an equal call gave before, boxed, while it may stand for this one."""
        found = await self._kept_at.output() if self._kept_at is not None else None
        # A plugin may have changed since.
        if found is None or _not_json(found[0]) is not None or plugin.output_faults(found[0]):
            return None
        self._cached = True
        self.book.write("not called: an equal call gave this output before", "INFO")
        return found

    def failed(self, fault: Fault, text: str) -> Finished:
        """Return the report of a call that was not finished."""
        return self._finished(_Failure(fault, text), None)

    def said(self) -> Logged | None:
        """Return what the plugin has said since the last time, if anything."""
        lines = self.book.take()
        return Logged(self.task.call, lines, self._shop.name) if lines else None

    # Before the call.

    async def _ready(self) -> tuple[Plugin, dict[str, Json]]:
        plugin = self._found()
        if self.task.request_ref is not None:
            data = await large.fetched(self._shop.blobs, self.task.request_ref)
            self._call = _decode_call(data)
        self._secrets = self.book.secrets = literals_in(self._call.input)
        given, key = await self._said()
        faults = plugin.input_faults(given)
        if faults:
            raise _Unmade("template", f"the input is not valid: {'; '.join(faults)}")
        if self._call.cache is not None:
            named = self._call.cache.key is not None
            self._kept_at = Kept(
                self._call.cache,
                self._shop.values(self.task),
                self.task.project,
                of=self._call.id,
                by=key if named else given,
                named=named,
            )
        return plugin, cast("dict[str, Json]", given)

    async def _said(self) -> tuple[Json, Json]:
        """Return the input, and the key of the cache, as they were rendered."""
        rendered = await self._rendered(self._call.templates)
        if self._call.cache is None or self._call.cache.key is None:
            return rendered, None
        both = cast("dict[str, Json]", rendered)
        return {} if both["input"] is None else both["input"], both["key"]

    def _found(self) -> Plugin:
        """Return the plugin, if it is there and the deployment allows it."""
        id = self._call.id
        try:
            plugin = self._shop.plugins.get(id)
        except Exception as error:
            _log.exception("the plugin %s cannot be loaded", id)
            kind = type(error).__name__
            raise _Unmade("failed", f"the plugin {id} cannot be loaded ({kind})") from error
        if plugin is None:
            raise _Unmade("failed", _unknown(id, self._shop.plugins.ids))
        if plugin.run is None:
            raise _Unmade("failed", f"{id} is done by the engine itself and cannot be called")
        needs = plugin.manifest.needs
        if needs and needs not in self._shop.allowed:
            allowed = ", ".join(sorted(self._shop.allowed)) or "nothing"
            raise _Unmade(
                "refused",
                f"{id} needs {needs}, which this deployment does not allow "
                f"(MAINSPRING_ALLOW_TASKS has {allowed})",
            )
        return plugin

    async def _rendered(self, template: Json) -> Json:
        if template is None:
            return {}
        compiled = compile_template(template, self.task.language)
        context: dict[str, Json] = dict(self.task.values or {})
        if self.task.values_ref is not None:
            context = _decode(await large.fetched(self._shop.blobs, self.task.values_ref))
        keys = sorted({path[1] for path in compiled.references if path[:1] == ("kv",) and path[1:]})
        if keys:
            context["kv"] = await self._kept(keys)
        return compiled.render(context)

    async def _kept(self, keys: list[str]) -> dict[str, Json]:
        """Return the values that an expression names in the store; absent ones are left out."""
        store, project = self._shop.values(self.task), self.task.project
        found = [(key, await store.get(project, key)) for key in keys]
        return {key: value[0] for key, value in found if value is not None}

    # The call.

    async def _made(self, plugin: Plugin, given: dict[str, Json]) -> tuple[Json] | _Failure:
        """Let the plugin work; return its output, boxed, or how it failed."""
        about = {spans.EXECUTION_ID: self.task.call.execution, spans.STEP_REF: self.task.call.ref}
        with spans.span(spans.ATTEMPT, self.task.traceparent, about) as parent:
            is_collected = parent != self.task.traceparent
            place = parent if is_collected else child_of(parent, self._shop.chance.seed())
            reach = Reach(self.task, self._shop, self.book, traceparent=place)
            self._since = self._shop.clock.monotonic()
            limit = asyncio.timeout(self.task.timeout)
            try:
                async with limit:
                    assert plugin.run is not None  # noqa: S101 - `_found` has seen to it
                    output = await plugin.run(given, reach)
            except TimeoutError as error:
                if limit.expired():
                    return _Failure("timeout", f"it took longer than {self.task.timeout:g} s")
                return self._raised(error)
            except asyncio.CancelledError as error:
                if _is_being_canceled():
                    raise
                return self._raised(error)  # its own: nobody has stopped the call
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, it is told
                return self._raised(error)
        return self._judged(plugin, output)

    def _raised(self, error: BaseException) -> _Failure:
        match error:
            case PluginFailed():
                return self._gave_up(error)
            case HttpFault():
                return _Failure(error.kind, str(error))
            case Transient():
                return _Failure("failed", f"a neighbour is away: {error}")
            case MainspringError():
                return _Failure("failed", str(error), final=True)
            case _:
                about = {"execution": self.task.call.execution, "plugin": self._call.id}
                _log.error("a plugin failed", exc_info=error, extra=about)
                return _Failure("failed", f"the plugin failed ({type(error).__name__})")

    def _gave_up(self, error: PluginFailed) -> _Failure:
        output, text = error.output, str(error)
        if output is not None and (fault := _not_json(output)) is not None:
            output, text = None, f"{text} (its output was dropped: {fault})"
        fault = error.fault if error.fault in _KINDS else "failed"
        return _Failure(fault, text, final=bool(error.final), output=output)

    def _judged(self, plugin: Plugin, output: Json) -> tuple[Json] | _Failure:
        """Return an output as it may be kept, or what is wrong with it."""
        fault = _not_json(output)
        if fault is not None:
            return _Failure("failed", f"the plugin's output is no JSON: {fault}", final=True)
        faults = plugin.output_faults(output)
        if faults:
            return _Failure(
                "failed", f"the plugin broke its own contract: {'; '.join(faults)}", final=True
            )
        return (output,)

    # After the call.

    async def _failed(self, failure: _Failure) -> Finished:
        return await self._report(failure, failure.output)

    async def _report(self, failure: _Failure | None, output: Json) -> Finished:
        """Return the report; a large output is stored first."""
        output = self._shown(output)
        try:
            data = _encode(output)
        except (UnicodeEncodeError, msgspec.MsgspecError, RecursionError) as error:
            kind = type(error).__name__
            failure = failure or _Failure("failed", f"the output is no text ({kind})", final=True)
            return self._finished(failure, None)
        if len(data) > self._shop.max_answer:
            text = f"the output is larger than {self._shop.max_answer:,} bytes"
            return self._finished(failure or _Failure("too_large", text), None)
        if len(data) <= LARGE:
            return self._finished(failure, output)
        return self._finished(
            failure, None, await large.put(self._shop.blobs, self._shop.clock, data)
        )

    def _shown(self, output: Json) -> Json:
        return _masked(output, self._secrets) if self._secrets else output

    def _finished(self, failure: _Failure | None, output: Json, ref: str | None = None) -> Finished:
        latency = self._shop.clock.monotonic() - self._since
        metrics.note_plugin(self._metric, failure.fault if failure else "done", latency)
        exchange = Exchange(
            verb=PLUGIN,
            url=self._call.id,
            started_at=self.started_at,
            latency=latency,
            body=output,
            fault=failure.fault if failure else None,
            error=_told(failure.text, self._secrets) if failure else None,
            final=failure.final if failure else False,
            cached=self._cached,
        )
        logs = self.book.take(closing=True)
        return Finished(self.task.call, exchange, self._shop.name, ref, logs)

    @property
    def _metric(self) -> str:
        return self._call.id if self._call.id in self._shop.plugins else "unknown"


def _is_being_canceled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _told(text: str, secrets: frozenset[str]) -> str:
    """Return what is said of a failure as it may be kept."""
    # A text that cannot be encoded would keep the whole report from being sent.
    return without(text, secrets)[:LONGEST_ERROR].encode("utf-8", "replace").decode()


def _unknown(id: str, known: list[str]) -> str:
    near = get_close_matches(id, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"no plugin {id} is installed{hint}"


def _not_json(value: object, depth: int = DEEPEST) -> str | None:
    """Return what in a value is not JSON, None when all is."""
    if depth == 0:
        return f"it nests more than {DEEPEST} deep"
    match value:
        case None | bool() | str() | int():
            return None
        case float():
            return None if isfinite(value) else f"{value} is no number"
        case dict():
            for key, below in cast("dict[object, object]", value).items():
                if not isinstance(key, str):
                    return f"a key is a {type(key).__name__}"
                if (fault := _not_json(below, depth - 1)) is not None:
                    return fault
            return None
        case list():
            found = (_not_json(each, depth - 1) for each in cast("list[object]", value))
            return next((fault for fault in found if fault is not None), None)
        case _:
            return f"there is a {type(value).__name__} in it"


def _masked(value: Json, secrets: frozenset[str]) -> Json:
    """Return a value whose texts hold no secret."""
    match value:
        case str():
            return without(value, secrets)
        case dict():
            entries = cast("dict[str, Json]", value).items()
            return {without(key, secrets): _masked(each, secrets) for key, each in entries}
        case list():
            return [_masked(each, secrets) for each in cast("list[Json]", value)]
        case _:
            return value
