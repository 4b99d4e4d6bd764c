"""Trace context and spans: the first always, the second only when someone collects them.

A `traceparent` (W3C) is taken from a request or made, travels in the events' metadata and in every
outbound call, and costs about a microsecond.  Spans are made only after `enable`, which is called
when an OTLP endpoint is configured; before that nothing of OpenTelemetry is imported, and `span`
hands the caller's context through unchanged, as a service must that adds no span of its own.
Names have no ids in them; ids are attributes.
"""

import os
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

# Names: an operation and a target of which there are few.
APPEND: Final = "append log"
PUBLISH: Final = "publish events"
DECIDE: Final = "decide execution"
PROCESS_TASK: Final = "process tasks"
PROCESS_RESULT: Final = "process results"
ATTEMPT: Final = "attempt step"
HTTP_SERVER: Final = "serve http"

# Attributes.
EXECUTION_ID: Final = "mainspring.execution.id"
EXECUTION_STATUS: Final = "mainspring.execution.status"
PROJECT_ID: Final = "mainspring.project.id"
EVENT_TYPE: Final = "mainspring.event.type"
STREAM_VERSION_BEFORE: Final = "mainspring.stream.version.before"
BATCH_STREAMS: Final = "mainspring.batch.streams"
STEP_REF: Final = "mainspring.step.ref"
STEP_ATTEMPT: Final = "mainspring.step.attempt"
HTTP_ROUTE: Final = "http.route"
HTTP_METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"

EXTRA: Final = "mainspring-common[otlp]"
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


class Trace(NamedTuple):
    """A place in a trace."""

    trace_id: str
    span_id: str
    flags: str = "01"

    @property
    def header(self) -> str:
        """The value of a `traceparent` header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


class TracingUnavailable(RuntimeError):
    """Spans were asked for, and what would send them is not installed."""


def parse(header: str) -> Trace | None:
    """Return what a `traceparent` says, or None when it says nothing that may be continued."""
    found = _FORM.fullmatch(header)
    if found is None:
        return None
    edition, trace_id, span_id, flags, rest = found.groups()
    # Later editions may add fields, 00 may not, and ff is forbidden for ever.
    if edition == "ff" or (edition == "00" and rest):
        return None
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return Trace(trace_id, span_id, flags)


def begin() -> Trace:
    """Return the first place of a new trace."""
    bits = os.urandom(24).hex()
    return Trace(bits[:32], bits[32:])


def child(header: str) -> Trace:
    """Return a new place in the trace of `header`, or in a new one when it cannot be continued."""
    parent = parse(header)
    if parent is None:
        return begin()
    return parent._replace(span_id=os.urandom(8).hex())


class Tracer(Protocol):
    """Makes spans; `enable` puts a real one in place."""

    def __call__(
        self, name: str, parent: str, attributes: Mapping[str, Any]
    ) -> AbstractContextManager[str]: ...


_tracer: Tracer | None = None
_flush: Callable[[], object] | None = None


def span(
    name: str, parent: str = "", attributes: Mapping[str, Any] | None = None
) -> AbstractContextManager[str]:
    """Cover a block by a span under `parent`; gives the `traceparent` for what the block calls."""
    if _tracer is None:
        return nullcontext(parent)
    return _tracer(name, parent, attributes or {})


def enable(endpoint: str, service: str, exporter: "SpanExporter | None" = None) -> None:
    """Make spans from now on and send them to `endpoint`; raise `TracingUnavailable`.

    `exporter` takes the place of the one that sends, for tests.
    """
    global _tracer, _flush
    try:
        _tracer, _flush = _open_telemetry(exporter or _exporter(endpoint), service)
    except ImportError as missing:
        raise TracingUnavailable(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but {missing.name} is not installed: "
            f"install {EXTRA}, or unset the variable"
        ) from missing


def flush() -> None:
    """Send what was made; call it last, it may wait for the collector."""
    if _flush is not None:
        _flush()


def disable() -> None:
    """Make no more spans, and drop what was not sent."""
    global _tracer, _flush  # noqa: PLW0603 - see `enable`
    _tracer = _flush = None


def _exporter(endpoint: str) -> "SpanExporter":
    # By name: type checkers need not have an optional extra.
    exporting = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    return exporting.OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")


def _open_telemetry(exporter: "SpanExporter", service: str) -> tuple[Tracer, Callable[[], object]]:
    from opentelemetry import trace  # noqa: PLC0415 - heavy, and only for those who ask
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"mainspring-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("mainspring")

    @contextmanager
    def make(name: str, parent: str, attributes: Mapping[str, Any]) -> Generator[str]:
        context = trace.set_span_in_context(trace.NonRecordingSpan(_context(parent)))
        with tracer.start_as_current_span(name, context, attributes=attributes) as made:
            inside = made.get_span_context()
            yield Trace(
                f"{inside.trace_id:032x}", f"{inside.span_id:016x}", f"{inside.trace_flags:02x}"
            ).header

    def _context(parent: str) -> trace.SpanContext:
        place = parse(parent)
        if place is None:
            return trace.INVALID_SPAN_CONTEXT
        flags = trace.TraceFlags(int(place.flags, 16))
        ids = int(place.trace_id, 16), int(place.span_id, 16)
        return trace.SpanContext(*ids, is_remote=True, trace_flags=flags)

    return make, provider.shutdown
