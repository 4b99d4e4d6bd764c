"""What the handlers of the sagas dialect share: finding a saga, and words for its state."""

from starlette.requests import Request

from mainspring.domain.errors import IllegalTransition, NotFound
from mainspring.http.answers import identity
from mainspring.http.caller import Caller
from mainspring.ports import ExecutionDetail
from mainspring_api.context import Api
from mainspring_api.dialects.sagas import present


def saga_id(request: Request) -> str:
    """Return the id in the path; raise `NotFound` for what can be nobody's."""
    return identity(request.path_params["id"], "saga")


async def saga_of(api: Api, caller: Caller, id: str) -> ExecutionDetail:
    """Return a run of the caller's project; raise `NotFound`."""
    detail = await api.views.execution(id, project=caller.project)
    if detail is None:
        raise NotFound(f"no saga {id}")
    return detail


async def in_words(api: Api, id: str, refused: IllegalTransition) -> IllegalTransition:
    """Return a refusal that names the state of the run in the dialect's own word."""
    detail = await api.views.execution(id)
    if detail is None:
        return refused
    word = present.status(detail.row)
    return IllegalTransition(refused.asked, word, f"the saga is {word}")
