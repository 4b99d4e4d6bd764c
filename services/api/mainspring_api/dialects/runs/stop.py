"""Ending a run before its time, and doing again what has failed."""

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid, IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.kept import FROM_STEP
from mainspring.domain.execution.requests import descendants
from mainspring.domain.execution.state import Execution
from mainspring.domain.message import replace
from mainspring.http.answers import encode, identity
from mainspring.http.caller import Caller, caller_of
from mainspring.http.faults import Faults
from mainspring.http.idempotency import Keep, Reply
from mainspring.http.reading import read_body
from mainspring.runtime.engine import Start
from mainspring_api.context import Api
from mainspring_api.dialects.native.runs.changes import retrial
from mainspring_api.dialects.runs import answers
from mainspring_api.dialects.runs.begin import begun, check_room, version_shown
from mainspring_api.dialects.runs.names import WORDS

CANCELLED = "cancelled on request"


async def cancel(api: Api, request: Request) -> Response:
    """Stop a run, its child runs, what it waits for and the calls that are in flight."""
    caller, id = caller_of(request), execution_id(request)
    reply = Reply(200, encode(answers.Cancelled(execution_id=id)))

    async def effect(keep: Keep) -> Reply:
        command = c.RequestCancel(reason=CANCELLED)
        try:
            await api.engine.ask(id, command, project=caller.project, meta=keep(reply))
        except NotFound:
            raise NotFound(f"no execution {id}") from None
        except IllegalTransition as refused:
            raise in_words(refused) from None
        return reply

    return await api.once.answer(request, caller, await request.body(), effect)


async def retry(api: Api, request: Request) -> Response:
    """Begin a run that goes on where another one failed, with the results that it had."""
    raw, asked = await read_body(request, answers.Retry)
    caller, id = caller_of(request), execution_id(request)

    async def effect(keep: Keep) -> Reply:
        x = await _execution(api, caller, id)
        start = _again(api, x, asked.from_step)
        await check_room(api, caller, x.definition, start.payload)
        reply = begun(start.id, start.name, version_shown(start.version))
        await api.engine.start(x.definition, start, keep(reply))
        return reply

    return await api.once.answer(request, caller, raw, effect)


def execution_id(request: Request) -> str:
    """Return the id in the path; raise `NotFound` for what can be nobody's."""
    return identity(request.path_params["execution"], "execution")


def in_words(refused: IllegalTransition) -> IllegalTransition:
    """Return a refusal in the dialect's own words."""
    word = WORDS.get(refused.state, refused.state)
    text = str(refused).partition(": ")[2].replace(refused.state, word)
    return IllegalTransition(refused.asked, word, text)


async def _execution(api: Api, caller: Caller, id: str) -> Execution:
    x = await api.engine.load(id, project=caller.project)
    if x is None:
        raise NotFound(f"no execution {id}")
    if x.definition.planner != "dag":
        raise IllegalTransition("retry", x.status, "a saga is retried in place, by its own dialect")
    return x


def _again(api: Api, x: Execution, from_step: str | None) -> Start:
    try:
        start = retrial(x, api.engine.ids.uuid7())
    except IllegalTransition as refused:
        raise in_words(refused) from None
    if from_step is None:
        return start
    if from_step not in x.definition.by_ref:
        faults = Faults()
        faults.unknown("from_step", "step", from_step, x.definition.by_ref)
        raise DefinitionInvalid(faults.all())
    anew = {from_step, *descendants(x, from_step)}
    kept = {ref: kept for ref, kept in start.kept.items() if ref not in anew}
    return replace(start, kept=kept, triggered_by=FROM_STEP + from_step)
