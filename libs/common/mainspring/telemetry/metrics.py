"""Every metric, once: its name, its unit, what it tells, and its labels.

Labels are words from short lists, never an id, a URL or a name that a user chose: each new value
of a label is a series that lives as long as the process.  `docs/operations.md` says of each what is
healthy and what to do, and a test holds the two together.
"""

import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# A second series for each counter, with the time of its birth, doubles what is scraped.
disable_created_metrics()

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALLS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
)
_LATE: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0)

HTTP_REQUESTS: Final = Counter(
    "mainspring_http_requests_total",
    "Requests answered, by verb, route template and status.",
    ["method", "route", "status"],
)
HTTP_SECONDS: Final = Histogram(
    "mainspring_http_request_seconds",
    "Seconds until an answer began, by route template.",
    ["route"],
    buckets=_FAST,
)

ADMISSION_WINDOW: Final = Gauge(
    "mainspring_admission_window",
    "Runs that may wait for their first turn, as this gateway sees it now.",
)
ADMISSION_WAITING: Final = Gauge(
    "mainspring_admission_waiting", "Runs that waited for their first turn at the last look."
)
ADMISSION_REFUSED: Final = Counter(
    "mainspring_admission_refused_total",
    "Starts and requests refused: limited (429), overloaded (503), or crowded (503).",
    ["why"],
)

LOG_APPENDS: Final = Counter(
    "mainspring_log_appends_total", "Transactions that appended to the event log."
)
LOG_APPEND_STREAMS: Final = Counter(
    "mainspring_log_append_streams_total", "Streams appended to; over appends, the batch size."
)
LOG_APPEND_EVENTS: Final = Counter("mainspring_log_append_events_total", "Events appended.")
LOG_APPEND_SECONDS: Final = Histogram(
    "mainspring_log_append_seconds", "Seconds that one append transaction took.", buckets=_FAST
)
LOG_REFUSED: Final = Counter(
    "mainspring_log_append_refused_total",
    "Streams that were not written: conflict, key_taken or name_taken.",
    ["why"],
)

BUS_PUBLISHED: Final = Counter(
    "mainspring_bus_published_total", "Messages handed to the broker, by stream.", ["stream"]
)
BUS_CONSUMED: Final = Counter(
    "mainspring_bus_consumed_total", "Messages taken from the broker, by stream.", ["stream"]
)
BUS_REDELIVERED: Final = Counter(
    "mainspring_bus_redelivered_total", "Messages that came again, by stream.", ["stream"]
)
BUS_RESTORED: Final = Counter(
    "mainspring_bus_restored_total", "Times that the broker came back with something lost."
)

DECISIONS: Final = Counter(
    "mainspring_scheduler_decisions_total",
    "Executions decided about: decided, nothing (all was settled) or conflict.",
    ["outcome"],
)
TIMER_LATENESS: Final = Histogram(
    "mainspring_timers_lateness_seconds",
    "Seconds between the instant at which a timer was due and its firing.",
    buckets=_LATE,
)
SWEPT: Final = Counter(
    "mainspring_sweeps_reinjected_total",
    "Executions that had not moved and were put back to work, by the sweep that found them.",
    ["sweep"],
)

STARTER_FIRES: Final = Counter(
    "mainspring_starters_fires_total",
    "Runs started by schedules, webhooks, followers (flow) and backfills, by outcome: started,"
    " repeated (it was there), failed (no run could be started) or skipped (instants missed).",
    ["kind", "outcome"],
)
STARTER_LATENESS: Final = Histogram(
    "mainspring_starters_lateness_seconds",
    "Seconds between the instant at which a schedule was due and the start of its run.",
    buckets=_LATE,
)

FORGOTTEN: Final = Counter(
    "mainspring_upkeep_forgotten_total",
    "Rows deleted because nothing can refer to them any more: blobs, or idempotency keys.",
    ["what"],
)

STEP_ATTEMPTS: Final = Counter(
    "mainspring_step_attempts_total",
    "Attempts that ended here: answered (with whatever status), or by the kind of fault.",
    ["outcome"],
)
STEP_ATTEMPT_SECONDS: Final = Histogram(
    "mainspring_step_attempt_seconds", "Seconds that a peer took to answer.", buckets=_CALLS
)
STEP_ATTEMPTS_IN_FLIGHT: Final = Gauge(
    "mainspring_step_attempts_in_flight", "Attempts begun and not yet handed over."
)
STEP_TASKS_DROPPED: Final = Counter(
    "mainspring_step_tasks_dropped_total", "Tasks that were not begun, by the reason.", ["why"]
)

PLUGIN_CALLS: Final = Counter(
    "mainspring_plugin_calls_total",
    "Plugin calls that ended here, by the plugin's id (unknown: of none that is installed) and by "
    "how: done, or the kind of fault.",
    ["plugin", "outcome"],
)
PLUGIN_SECONDS: Final = Histogram(
    "mainspring_plugin_call_seconds",
    "Seconds that a plugin worked, by its id.",
    ["plugin"],
    buckets=_CALLS,
)

EXECUTIONS_STARTED: Final = Counter(
    "mainspring_executions_started_total", "Executions accepted, by dialect.", ["dialect"]
)
EXECUTIONS_FINISHED: Final = Counter(
    "mainspring_executions_finished_total", "Executions that ended, by final status.", ["status"]
)
EXECUTIONS_WITHOUT_WAKEUP: Final = Gauge(
    "mainspring_executions_without_wakeup",
    "Executions that are not terminal and have no reason or no next wake-up.",
)
EXECUTIONS_OVERDUE: Final = Gauge(
    "mainspring_executions_overdue",
    "Executions whose next wake-up has passed more than a sweep ago.",
)
EXECUTIONS_MOST_OVERDUE: Final = Gauge(
    "mainspring_executions_most_overdue_seconds",
    "Seconds since the wake-up of the most overdue execution; 0 when none is overdue.",
)
STARTERS_OVERDUE: Final = Gauge(
    "mainspring_starters_overdue", "Schedules that were due more than a sweep ago and not fired."
)

SSE_STREAMS: Final = Gauge("mainspring_sse_streams_open", "Event streams open now.", ["route"])
SSE_SLOW_READERS: Final = Counter(
    "mainspring_sse_slow_readers_total", "Event streams dropped because nobody read them."
)

HEARTBEAT_AGE: Final = Gauge(
    "mainspring_loop_heartbeat_age_seconds",
    "Seconds since a loop of this process last made progress.",
    ["loop"],
)
BUILD_INFO: Final = Gauge(
    "mainspring_build_info", "Always 1; the labels say what runs.", ["service", "version", "python"]
)


def note_append(streams: int, events: int, refused: Iterable[str], seconds: float) -> None:
    """Count one transaction of the log: what it wrote, what it did not, how long it took."""
    LOG_APPENDS.inc()
    LOG_APPEND_STREAMS.inc(streams)
    LOG_APPEND_EVENTS.inc(events)
    LOG_APPEND_SECONDS.observe(seconds)
    for why in refused:
        LOG_REFUSED.labels(why).inc()


def note_plugin(plugin: str, outcome: str, seconds: float) -> None:
    """Count one call of a plugin: which one, how it ended, how long it worked."""
    PLUGIN_CALLS.labels(plugin, outcome).inc()
    PLUGIN_SECONDS.labels(plugin).observe(seconds)


def describe_build(service: str) -> None:
    """Say which service of which version this process is."""
    BUILD_INFO.labels(service, version("mainspring-common"), platform.python_version()).set(1)
