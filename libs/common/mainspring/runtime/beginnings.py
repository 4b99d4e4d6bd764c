"""What a run is started with, whoever starts it: a person, a schedule, a webhook, another run.

Two kinds of definitions: those with declared inputs (of the dialects in `TAKES_INPUTS`), whose runs
carry an envelope of inputs, trigger and environment; and the others, whose payload is free.  The
environment is that of the process which begins the run, and stays with the run as it was then.
"""

import os
from collections.abc import Mapping
from typing import Final, cast

from mainspring.domain.definition import Definition
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.inputs import settle
from mainspring.domain.message import Json

TAKES_INPUTS: Final = frozenset({"runs", "flows"})
"""The dialects whose runs are started with inputs."""

PREFIX: Final = "MAINSPRING_ENV_"


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are meant for workflows, without their prefix."""
    return {
        name.removeprefix(PREFIX): text for name, text in environ.items() if name.startswith(PREFIX)
    }


ENVIRONMENT: Final[Mapping[str, str]] = environment(os.environ)
"""What expressions of this process's runs see as `env`."""


def payload_of(
    definition: Definition,
    dialect: str,
    given: Json,
    *,
    trigger: Json = None,
    env: Mapping[str, str] | None = None,
    by: str = "api",
) -> Json:
    """Return the payload of a run: `{"inputs", "trigger", "env"}`, or what was given as it is.

    What is absent is left out, but for the inputs; the environment is there where the definition
    has a name for it, with what the definition adds to it.  In the dialect `runs` there is always a
    trigger, of the type `by` where nothing else is told, so that an expression may ask which it
    was.  Raises `DefinitionInvalid` with all faults.
    """
    if dialect not in TAKES_INPUTS:
        return given
    if given is not None and not isinstance(given, dict):
        raise DefinitionInvalid(["inputs: an object is wanted"])
    payload: dict[str, Json] = {
        "inputs": settle(definition.inputs, cast("dict[str, Json]", given or {}))
    }
    if trigger is None and dialect == "runs":
        trigger = {"type": by}
    if trigger is not None:
        payload["trigger"] = trigger
    if "env" in definition.aliases:
        payload["env"] = {**(ENVIRONMENT if env is None else env), **definition.env}
    return payload
