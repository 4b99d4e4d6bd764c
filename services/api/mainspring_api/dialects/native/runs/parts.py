"""What the handlers of runs share: finding a run, asking it something, and words for refusals."""

from starlette.requests import Request

from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.state import Execution
from mainspring.http.answers import identity
from mainspring.http.caller import Caller
from mainspring.http.idempotency import Keep, Reply
from mainspring_api.context import Api
from mainspring_api.dialects.native.runs import present
from mainspring_api.dialects.native.runs.words import run_status, step_status


def run_id(request: Request) -> str:
    """Return the id in the path; raise `NotFound` for what can be nobody's."""
    return identity(request.path_params["id"], "workflow run")


async def state_of(api: Api, caller: Caller, id: str, *, as_of: float | None = None) -> Execution:
    """Return a run of the caller's project as it is, or was; raise `NotFound`."""
    x = await api.engine.load(id, project=caller.project, as_of=as_of)
    if x is None:
        raise NotFound(f"no workflow run {id}" + ("" if as_of is None else " at that time"))
    return x


async def asked(
    api: Api, caller: Caller, id: str, command: c.Request, keep: Keep, reply: Reply
) -> Execution:
    """Ask a run something and return its state after; `reply` is what is kept of it."""
    try:
        answer = await api.engine.ask(id, command, project=caller.project, meta=keep(reply))
    except NotFound as missing:
        raise _missing(missing, id) from None
    except IllegalTransition as refused:
        x = await state_of(api, caller, id)
        raise in_words(refused, x, getattr(command, "ref", None)) from None
    return answer.execution


def in_words(refused: IllegalTransition, x: Execution, ref: str | None = None) -> IllegalTransition:
    """Return a refusal of a run, or of a step of it, in the dialect's own words."""
    step = x.of(ref) if ref is not None else None
    of_step = step is not None and step.status == refused.state
    word = _word(refused.state) if of_step or refused.state != x.status else present.status(x)
    text = str(refused).partition(": ")[2].replace(refused.state, word)
    return IllegalTransition(refused.asked, word, text if word in text else f"{text} ({word})")


def _missing(missing: NotFound, id: str) -> NotFound:
    text = str(missing)
    return missing if text.startswith("no step") else NotFound(f"no workflow run {id}")


def _word(state: str) -> str:
    try:
        return run_status(state)
    except KeyError:
        pass
    try:
        return step_status(state)
    except KeyError:
        return state
