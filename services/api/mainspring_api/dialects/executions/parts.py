"""What the handlers of executions share: whose they are, and finding one.

The pages name no namespace in an execution's path, though the flow was made in one.  So an id is
looked for everywhere where the request names none, and else in the named one alone.
"""

from typing import NamedTuple

from starlette.requests import HTTPConnection, Request

from mainspring.domain.errors import DefinitionInvalid, IllegalTransition, NotFound
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.state import Execution
from mainspring.http.answers import identity
from mainspring.http.caller import Caller, caller_of
from mainspring.http.idempotency import Keep, Reply
from mainspring.ports import ExecutionDetail
from mainspring.store.views import execution_row
from mainspring_api.context import Api
from mainspring_api.dialects.executions.words import FlowWord, flow_word


class Known(NamedTuple):
    """An execution that is there, and who asks about it, on behalf of its namespace."""

    id: str
    found: ExecutionDetail
    caller: Caller


def named(request: HTTPConnection) -> str | None:
    """Return the namespace that a request names, None when it names none."""
    texts = {
        text
        for text in (
            request.query_params.get("namespace"),
            request.query_params.get("project_id"),
            request.headers.get("x-project-id"),
        )
        if text is not None
    }
    if len(texts) > 1:
        raise DefinitionInvalid(["namespace: is not the one that X-Project-Id names"])
    return texts.pop() if texts else None


async def known(api: Api, request: Request) -> Known:
    """Return the execution in the path; raise `NotFound`."""
    id = identity(request.path_params["id"], "execution")
    project = named(request)
    if project is not None:
        caller_of(request, project=project)  # or it could be none
    found = await api.views.execution(id, project=project)
    if found is None:
        raise NotFound(f"no execution {id}")
    return Known(id, found, caller_of(request, project=found.row.project))


async def state_of(api: Api, one: Known, *, as_of: float | None = None) -> Execution:
    """Return an execution as it is, or was; raise `NotFound`."""
    x = await api.engine.load(one.id, project=one.caller.project, as_of=as_of)
    if x is None:
        raise NotFound(f"no execution {one.id}" + ("" if as_of is None else " at that time"))
    return x


async def asked(api: Api, one: Known, command: c.Request, keep: Keep, reply: Reply) -> Execution:
    """Ask an execution something and return its state after; `reply` is what is kept of it.

    Raises `IllegalTransition` with the present state in the dialect's words.
    """
    try:
        answer = await api.engine.ask(one.id, command, project=one.caller.project, meta=keep(reply))
    except IllegalTransition as refused:
        word = stands(await state_of(api, one))
        raise IllegalTransition(refused.asked, word, f"it is {word}") from None
    return answer.execution


def stands(x: Execution) -> FlowWord:
    """Return the flows dialect's word for where a run stands."""
    row = execution_row(x)
    return flow_word(row.status, row.waiting_for)
