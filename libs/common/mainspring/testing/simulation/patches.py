"""The mutants: small patches of our own code, each a fault that somebody could write.

The old text stands once in its file, so a patch is either planted or found to be out of date.
"""

from typing import Final, NamedTuple

from mainspring.testing.simulation.run import Kind

_COMMON: Final = "libs/common/mainspring/"
_EXECUTION: Final = f"{_COMMON}domain/execution/"
_SCHEDULER: Final = "services/scheduler/mainspring_scheduler/"
_API: Final = "services/api/mainspring_api/"


class Mutant(NamedTuple):
    """A patch, and the plot of the histories in which its fault shows."""

    name: str
    path: str
    old: str
    new: str
    kind: Kind = "sagas"


MUTANTS: Final = (
    Mutant(
        "a late report is taken for the present attempt",
        f"{_EXECUTION}steps.py",
        (
            "    if (state.visit, state.attempt) != (call.visit, call.attempt):\n"
            "        return\n"
            "    at ="
        ),
        "    at =",
    ),
    Mutant(
        "a report about an attempt that is over is taken",
        f"{_EXECUTION}steps.py",
        ("    if state is None or state.status not in IN_FLIGHT:\n        return\n    if (state"),
        ("    if state is None:\n        return\n    if (state"),
    ),
    Mutant(
        "a timer fires two seconds early",
        f"{_EXECUTION}steps.py",
        "        if at is not None and at <= draft.now:",
        "        if at is not None and at <= draft.now + 2:",
    ),
    Mutant(
        "compensations run oldest first",
        f"{_EXECUTION}stepping.py",
        "        x = replace(x, stack=Completed(step.ref, below))",
        (
            "        top = Completed(below.ref, Completed(step.ref, below.below)) if "
            "below else None\n"
            "        x = replace(x, stack=top or Completed(step.ref, below))"
        ),
    ),
    Mutant(
        "nothing is undone",
        f"{_EXECUTION}unwind.py",
        ("    if draft.x.stack is not None:\n        attempts.schedule"),
        ("    if draft.x.stack is None and draft.x.begun < 0:\n        attempts.schedule"),
    ),
    Mutant(
        "work is undone while a call is under way",
        f"{_EXECUTION}unwind.py",
        ("    if draft.x.working():\n        return\n    if draft.x.stack"),
        (
            '    if any(state.phase == "down" for state in draft.x.open_steps()):\n'
            "        return\n"
            "    if draft.x.stack"
        ),
    ),
    Mutant(
        "a failure is tried once more than the policy allows",
        f"{_COMMON}domain/retry.py",
        "    if tries > policy.retries:",
        "    if tries > policy.retries + 1:",
    ),
    Mutant(
        "the end is told again and again",
        f"{_EXECUTION}unwind.py",
        "    if told is None or told.seq <= x.ended_after:",
        (
            '    again = told is not None and told.status == "succeeded" and told.visit < 2\n'
            "    if again or told is None or told.seq <= x.ended_after:"
        ),
    ),
    Mutant(
        "a cancel stops nothing",
        f"{_EXECUTION}decide.py",
        ("    elif x.cancel is not None:\n        unwind.begin"),
        ("    elif x.cancel is not None and x.unwinding is not None:\n        unwind.begin"),
        "native",
    ),
    Mutant(
        "forward work begins during a pause",
        f"{_EXECUTION}decide.py",
        '    elif not draft.x.paused and draft.x.status == "running":',
        '    elif draft.x.status in ("running", "paused"):',
        "native",
    ),
    Mutant(
        "facts count as handled without a decision",
        f"{_EXECUTION}evolve.py",
        "handled=version if settled else x.handled)",
        "handled=version)",
        "native",
    ),
    Mutant(
        "a cancel forgets children",
        f"{_EXECUTION}react.py",
        "        cancel=None if let_go else fans.closing(x, state.ref),",
        "        cancel=None,",
        "native",
    ),
    Mutant(
        "a step does not wait for what it needs",
        f"{_EXECUTION}front.py",
        "if not graph.needs[one] & ~settled)",
        "if not graph.needs[one] & (graph.needs[one] - 1) & ~settled)",
        "native",
    ),
    Mutant(
        "a gate opens at the first approval",
        f"{_EXECUTION}approvals.py",
        (
            "    return len(approvers(decisions)) >= (approval.required if approval is "
            "not None else 1)"
        ),
        "    return len(approvers(decisions)) >= 1",
        "flows",
    ),
    Mutant(
        "a stranger approves",
        f"{_EXECUTION}settling.py",
        "    if approvers and command.actor not in approvers:\n",
        "    if approvers and command.actor is None:\n",
        "native",
    ),
    Mutant(
        "a wait that is over is settled again",
        f"{_EXECUTION}settling.py",
        (
            '    if status not in ("waiting", "pending"):\n'
            "        raise IllegalTransition(asked, status)\n"
            "    if step.expires_at"
        ),
        "    if step.expires_at",
        "native",
    ),
    Mutant(
        "a wait takes an event after its time",
        f"{_EXECUTION}settling.py",
        (
            "    if step.expires_at is not None and now >= step.expires_at:\n"
            '        raise IllegalTransition(asked, "timed_out")\n'
            "    _demand_going"
        ),
        "    _demand_going",
        "native",
    ),
    Mutant(
        "a retried run keeps what was undone",
        f"{_EXECUTION}kept.py",
        '    if step is None or step.status != "succeeded" or undone is not None:',
        '    if step is None or step.status != "succeeded":',
        "native",
    ),
    Mutant(
        "a workflow takes one run more than it may",
        f"{_COMMON}domain/gate.py",
        "held + len(taken) < each.most:",
        "held + len(taken) <= each.most:",
        "native",
    ),
    Mutant(
        "a place is not given back",
        f"{_COMMON}domain/gate.py",
        "    freed = tuple(each for each in holders if each in ended)",
        "    freed = tuple(each for each in holders[1:] if each in ended)",
        "native",
    ),
    Mutant(
        "a conflict is swallowed by the scheduler",
        f"{_SCHEDULER}advance.py",
        ("            if not isinstance(outcome, Appended):\n                self._engine.forget"),
        ("            if outcome is None:\n                self._engine.forget"),
    ),
    Mutant(
        "a conflict is swallowed by the api",
        f"{_COMMON}runtime/engine.py",
        (
            '        if outcome.why != "conflict":\n'
            '            _raise_refused(outcome, f"execution {id}", id)\n'
            "        return None\n"
        ),
        (
            '        if outcome.why != "conflict":\n'
            '            _raise_refused(outcome, f"execution {id}", id)\n'
            "        return Answer(decided.after, changed=True)\n"
        ),
        "native",
    ),
    Mutant(
        "a sweep skips what has not moved",
        f"{_SCHEDULER}sweep.py",
        ('        self._poke(unhandled, "unhandled")\n        self._poke(overdue, "overdue")\n'),
        "",
    ),
    Mutant(
        "a new timer waits for the next load",
        f"{_SCHEDULER}timers.py",
        ("            if row.due_at <= self._loaded_until:\n                self._push(row)"),
        ("            if row.due_at < 0:\n                self._push(row)"),
    ),
    Mutant(
        "an idempotency key is dropped",
        f"{_COMMON}http/idempotency.py",
        (
            "            return caller.meta(\n"
            "                Idempotency(actor, route, key, digest, reply.status, "
            "text, reply.location)\n"
            "            )"
        ),
        "            return caller.meta()",
    ),
    Mutant(
        "a start is acknowledged before it is written",
        f"{_COMMON}runtime/engine.py",
        (
            "        outcome = (await self.start_many([decided]))[0]\n"
            "        if isinstance(outcome, Refused):\n"
            '            _raise_refused(outcome, f"execution {start.id}", start.id)\n'
        ),
        "        self.bus.connected()\n",
    ),
    Mutant(
        "of two rows of one key the older is kept",
        f"{_COMMON}store/changes.py",
        "        held[table, PRIMARY_KEYS[table](change)] = change",
        "        held.setdefault((table, PRIMARY_KEYS[table](change)), change)",
        "native",
    ),
    Mutant(
        "a reader resumes one event too far",
        f"{_COMMON}http/sse.py",
        "                return min(int(text), LARGEST_POSITION)",
        "                return min(int(text) + (int(text) > 0), LARGEST_POSITION)",
    ),
    Mutant(
        "another project's run is shown",
        f"{_COMMON}runtime/engine.py",
        (
            "        if not history or (project is not None and history[0].project != "
            "project):\n"
            "            return None\n"
            "        return await self._replayed(id, history)"
        ),
        (
            "        if not history:\n"
            "            return None\n"
            "        return await self._replayed(id, history)"
        ),
        "native",
    ),
    Mutant(
        "the past is read one event too far",
        f"{_COMMON}runtime/engine.py",
        "        return envelope.position <= as_of",
        "        return envelope.position <= as_of + 1",
    ),
    Mutant(
        "a page of a list passes over its first run",
        f"{_API}dialects/executions/reads.py",
        "for row in rows[: page.limit])",
        "for row in rows[1 if page.before else 0 : page.limit])",
    ),
    Mutant(
        "a delivery starts a run for each call",
        f"{_API}dialects/starters/signed.py",
        '    delivery = (s.run_for(starter.row.id, f"id {given}"),) if given else ()',
        '    delivery = (s.run_for(starter.row.id, f"id {given}{now}"),) if given else ()',
        "flows",
    ),
    Mutant(
        "a schedule fires an instant twice",
        f"{_COMMON}domain/starters.py",
        ("    coming = found.instants[0] if found.instants and not ready else following(last)"),
        "    coming = found.instants[0] if found.instants else following(last)",
        "flows",
    ),
    Mutant(
        "a forged callback is taken",
        f"{_COMMON}runtime/tokens.py",
        "    if key is None or not hmac.compare_digest(",
        "    if key is None and not hmac.compare_digest(",
    ),
)
