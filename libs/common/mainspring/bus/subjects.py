"""Every subject, stream and consumer name, once.

`events.<category>.<partition>.<id>` carries what wants a decision; the scheduler's own appends,
which are decided already, have one more token, `settled`, so that the scheduler's consumer need
not read back what it wrote itself, and a live feed hears both with a wildcard.
"""

from typing import Final

EVENTS: Final = "EVENTS"
TASKS: Final = "TASKS"
RESULTS: Final = "RESULTS"

STREAM_SUBJECTS: Final = {
    EVENTS: ("events.>",),
    TASKS: ("tasks.>",),
    RESULTS: ("results.>",),
}

TASK_QUEUE: Final = "tasks.http"


def event(category: str, partition: int, id: str, *, settled: bool) -> str:
    """Subject of an append to a stream; `settled` when nothing is left to decide about it."""
    return f"events.{category}.{partition}.{id}" + (".settled" if settled else "")


def facts(partition: int) -> str:
    """Filter for the appends to executions of a partition that want a decision."""
    return f"events.execution.{partition}.*"


def result(partition: int) -> str:
    """Subject of the reports about executions of a partition."""
    return f"results.{partition}"


def feed(category: str, id: str) -> tuple[str, str]:
    """Core subjects on which every append to one stream is heard."""
    return f"events.{category}.*.{id}", f"events.{category}.*.{id}.settled"


EVERY_EVENT: Final = "events.>"
STARTERS: Final = "events.starter.>"
DECIDED: Final = "events.execution.*.*.settled"
"""Core subject on which all that schedulers have decided is heard, the ends of runs among it."""


def cancel(execution: str) -> str:
    """Notice that attempts of an execution should stop."""
    return f"control.cancel.{execution}"


def cancel_within(execution: str) -> str:
    """Notice that attempts of one loop of an execution should stop; the data are the loop's ref."""
    # Another subject, because executors that know no loops would stop the whole execution.
    return f"control.cancel.{execution}.within"


EVERY_CANCEL: Final = "control.cancel.>"
SCHEDULER_HELLO: Final = "control.scheduler.hello"


def advance_consumer(partition: int) -> str:
    """Durable consumer of the facts of a partition."""
    return f"scheduler-advance-{partition}"


def results_consumer(partition: int) -> str:
    """Durable consumer of the reports of a partition."""
    return f"scheduler-results-{partition}"


TASKS_CONSUMER: Final = "executor-tasks"
