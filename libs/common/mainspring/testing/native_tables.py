"""The page `docs/native_tables.md`: what each operation on a workflow run answers in each state.

Every cell is asked of the decider, so the page cannot promise what the rules refuse; a conformance
test then asks every cell again, over HTTP.  `python -m mainspring.testing.native_tables
docs/native_tables.md` writes the page; a test compares it.  Tables that are kept by hand, the
rival, are how an API comes to answer what its page does not say.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from mainspring.domain.errors import Forbidden, IllegalTransition, Rejected
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.decide import decide
from mainspring.domain.execution.kept import kept_of
from mainspring.testing.native_states import RUNS, STEPS, Make
from mainspring.testing.spec import START, Spec

Answer: TypeAlias = int | str
"""The status of an HTTP answer; of a bulk answer, the word for one run in `results`."""

Question: TypeAlias = Callable[[Spec], object]
"""Whether an operation may be done: raises the refusal if not."""

Columns: TypeAlias = Mapping[str, tuple[Answer, Question]]
"""For each operation, what it answers when it may be done."""


def _asks(command: c.Request) -> Question:
    return lambda spec: decide(command, spec.state)


def _retries(spec: Spec) -> object:
    return kept_of(spec.state)


RUN_OPERATIONS: Final[Columns] = {
    "DELETE": (204, _asks(c.RequestCancel())),
    "pause": (200, _asks(c.RequestPause())),
    "resume": (200, _asks(c.RequestResume())),
    "retry": (201, _retries),
    "bulk-cancel": ("canceled", _asks(c.RequestCancel())),
    "bulk-replay": ("replayed", _retries),
}
IN_RUN: Final[Columns] = {
    "skip later": (200, _asks(c.SkipStep(ref="later", now=START))),
    "force-complete later": (200, _asks(c.CompleteStep(ref="later", now=START))),
    "fail later": (200, _asks(c.FailStep(ref="later", now=START))),
    "retry done": (200, _asks(c.RequestStepReset(ref="done"))),
    "replay-subtree done": (200, _asks(c.RequestStepReset(ref="done", subtree=True))),
}
STEP_OPERATIONS: Final[Columns] = {
    "approve": (200, _asks(c.Approve(ref="s", actor="bob", now=START))),
    "reject": (200, _asks(c.Reject(ref="s", actor="bob", now=START))),
    "skip": (200, _asks(c.SkipStep(ref="s", now=START))),
    "force-complete": (200, _asks(c.CompleteStep(ref="s", now=START))),
    "fail": (200, _asks(c.FailStep(ref="s", now=START))),
    "retry": (200, _asks(c.RequestStepReset(ref="s"))),
    "replay-subtree": (200, _asks(c.RequestStepReset(ref="s", subtree=True))),
}


def answered(spec: Spec, operation: str, columns: Columns) -> Answer:
    """Return what an operation answers in a state."""
    answer, question = columns[operation]
    try:
        question(spec)
    except Rejected as refusal:
        return "failed" if isinstance(answer, str) else _status(refusal)
    return answer


def _status(refusal: Rejected) -> int:
    match refusal:
        case IllegalTransition():
            return 409
        case Forbidden():
            return 403
        case _:
            return 404


def row(make: Make, columns: Columns) -> dict[str, Answer]:
    """Return what every operation answers in a state."""
    spec = make()
    return {operation: answered(spec, operation, columns) for operation in columns}


def table(rows: Mapping[str, Make], columns: Columns) -> str:
    """Return a table of states by operations."""
    lines = [_line("status", columns), _line("---", ["---"] * len(columns))]
    for status, make in rows.items():
        lines.append(_line(status, map(str, row(make, columns).values())))
    return "\n".join(lines)


def _line(first: str, cells: Iterable[str]) -> str:
    return "| " + " | ".join([first, *cells]) + " |"


def page() -> str:
    """Return the whole page."""
    return PAGE.format(
        run_table=table(RUNS, RUN_OPERATIONS),
        in_run_table=table(RUNS, IN_RUN),
        step_table=table(STEPS, STEP_OPERATIONS),
    )


PAGE: Final = """\
# What operations on workflow runs answer, state by state

This page is written out from the decider (`python -m mainspring.testing.native_tables
docs/native_tables.md`) and compared with it by a test; another test asks every cell over HTTP. A
409 changes nothing, and its message names the present state. A run or a step that is not there, or
that is another project's, is a 404 in every state.

## Operations on a run

`pending` is a run that waits for a place among the runs of its workflow (`max_concurrent_runs`).
Asking again for what is so already is no error: a paused run can be paused, and a run that is being
canceled can be canceled. The columns of the bulk operations show the `status` that the run gets in
`results`; the answer itself is a 200.

{run_table}

## Operations on a step, by the status of the run

The run has three steps: `done` came first, `held` waits for an event, `later` needs both. So in
`pending` none of them has begun, and `later` has ended only in `completed`. A step that its run's
end kept from beginning stays `pending`, and cannot be settled any more. What was compensated is
not done any more, so steps of such a run are not run again one by one: retry the run.

{in_run_table}

## Operations on a step, by its own status and type

The run goes on meanwhile, but for `canceled`, which a step becomes only with its run. Somebody else
has decided on the approvals that are `completed` or `failed`; the same decision again, by the same
person, is a 200. A step in flight cannot be settled from outside, only canceled with its run;
between two tries it can. After `retry` a wait has a fresh trigger, and an approval is asked anew.

{step_table}
"""


def main(target: Path) -> None:
    """Write the page."""
    target.write_text(page())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/native_tables.md"))
