"""Trace context always, spans on demand."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mainspring.telemetry import spans

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_header_of_the_standard_is_read_and_written_unchanged() -> None:
    place = spans.parse(HEADER)
    assert place == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "01")
    assert place is not None
    assert place.header == HEADER


@pytest.mark.parametrize(
    "bad",
    [
        "",
        HEADER.upper(),
        HEADER[:-1],
        HEADER + "-more",
        "ff" + HEADER[2:],
        HEADER.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        HEADER.replace("00f067aa0ba902b7", "0" * 16),
        HEADER + "\n",
    ],
)
def test_a_malformed_header_is_not_continued(bad: str) -> None:
    assert spans.parse(bad) is None
    assert spans.child(bad).trace_id != HEADER[3:35]


def test_a_later_edition_of_the_standard_is_continued() -> None:
    assert spans.parse("cc" + HEADER[2:] + "-what-will-be") is not None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    spans.parse(text)


def test_a_child_is_another_place_in_the_same_trace() -> None:
    child = spans.child(HEADER)
    assert child.trace_id == HEADER[3:35]
    assert child.span_id != HEADER[36:52]
    assert spans.parse(child.header) == child


def test_without_an_endpoint_the_context_passes_through_and_nothing_heavy_is_loaded() -> None:
    with spans.span(spans.APPEND, HEADER) as inside:
        assert inside == HEADER
    code = (
        "import sys, mainspring.runtime.service, mainspring.http.middleware as m\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_span_stands_under_its_caller_and_its_callees_under_it() -> None:
    exporter = InMemorySpanExporter()
    spans.enable("", "events", exporter)
    try:
        with spans.span(spans.ATTEMPT, HEADER, {spans.STEP_REF: "charge"}) as inside:
            place = spans.parse(inside)
        provider = trace.ProxyTracerProvider  # the global one stays untouched
        assert isinstance(trace.get_tracer_provider(), provider)
        spans.flush()
    finally:
        spans.disable()
    (made,) = exporter.get_finished_spans()
    assert place is not None
    assert made.name == "attempt step"
    assert made.parent is not None
    assert made.context is not None
    assert f"{made.parent.span_id:016x}" == HEADER[36:52]
    assert f"{made.context.trace_id:032x}" == HEADER[3:35] == place.trace_id
    assert f"{made.context.span_id:016x}" == place.span_id
    assert dict(made.attributes or {}) == {"mainspring.step.ref": "charge"}


def test_what_is_missing_for_sending_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(spans.TracingUnavailable, match=r"mainspring-common\[otlp\]"):
        spans.enable("http://localhost:4318", "events")
