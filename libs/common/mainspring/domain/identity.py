"""Ids that follow from others: the same question gives the same id, so asking twice makes one.

A run that is started, or a trigger that is opened, by a decision must not get a second id when the
decision is carried out again; an id drawn by the shell would have to be recorded first.
"""

import hashlib


def derived(execution: str, *parts: object) -> str:
    """Return the UUIDv7 of something that an execution made; it sorts beside the execution."""
    digest = hashlib.sha256(f"{execution}:{parts!r}".encode()).hexdigest()
    variant = "89ab"[int(digest[3], 16) % 4]
    return f"{execution[:13]}-7{digest[:3]}-{variant}{digest[4:7]}-{digest[8:20]}"


def trigger_id(execution: str, ref: str, visit: int, attempt: int) -> str:
    """Return the id of the trigger or approval that a wait opens; a reset opens another."""
    return derived(execution, "trigger", ref, visit, attempt)


def step_run_id(execution: str, ref: str) -> str:
    """Return the id of a step in a run; it has one before it begins."""
    return derived(execution, "step", ref)


def child_id(execution: str, ref: str, visit: int, attempt: int) -> str:
    """Return the id of the run that a step starts; each attempt starts one of its own.

    Attempt 0 stands for all of a visit's: a run that is not waited for is started once.
    """
    return derived(execution, "child", ref, visit, attempt)
