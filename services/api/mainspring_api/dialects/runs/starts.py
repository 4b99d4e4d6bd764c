"""What starts a workflow by itself, made to be just what its newest version says."""

from collections.abc import Sequence

from mainspring.domain.starters import Webhook
from mainspring.http.caller import Caller
from mainspring.http.faults import Faults
from mainspring.runtime.starters import Starters, Wanted
from mainspring_api.context import Api
from mainspring_api.dialects.runs.compile import DIALECT
from mainspring_api.dialects.runs.triggers import Starts


async def sync(api: Api, caller: Caller, workflow: str, starts: Sequence[Starts]) -> None:
    """Make what starts a workflow these; again it changes nothing, and puts right what differs.

    Raises `AlreadyExists` when the path of a webhook is another workflow's.
    """
    meta = caller.meta()
    await Starters(api.engine).sync(caller.project, DIALECT, workflow, _wanted(starts), meta)


async def check_paths(
    api: Api, project: str, workflow: str, starts: Sequence[Starts], faults: Faults
) -> None:
    """Note the paths of webhooks that are another workflow's."""
    taken = await Starters(api.engine).taken(project, workflow, _wanted(starts))
    for index in taken:
        one = starts[index]
        path = one.spec.path if isinstance(one.spec, Webhook) else ""
        faults.add(f"{one.place}.path", f"/hooks/{path} is the path of another workflow")


def _wanted(starts: Sequence[Starts]) -> list[Wanted]:
    return [Wanted(one.spec, one.name, dict(one.inputs)) for one in starts]
