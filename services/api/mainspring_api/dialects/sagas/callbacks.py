"""The answer to an asynchronous node, from whoever holds its token.

The token is the right to answer, so the caller's project does not matter.  Who it is for is told
before the signature is looked at: an unknown saga or node is 404 with any token.
"""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid, NotFound, Transient, Unauthorized
from mainspring.domain.execution import commands as c
from mainspring.domain.message import Json
from mainspring.http import bodies
from mainspring.http.caller import caller_of
from mainspring.http.idempotency import Keep, Reply
from mainspring.runtime.tokens import Claim, verify
from mainspring_api.context import Api
from mainspring_api.dialects.sagas.parts import saga_id

HEADER: Final = "X-Callback-Token"


async def callback(api: Api, request: Request) -> Response:
    """Record an answer; 202 also when it says failure, for that is the run's matter."""
    caller, body = caller_of(request), await request.body()
    id, node = saga_id(request), request.path_params["nodeId"]
    token = request.headers.get(HEADER, "")
    if not token:
        raise DefinitionInvalid([f"{HEADER}: is missing"])

    async def effect(keep: Keep) -> Reply:
        await _check_node(api, id, node)
        claim = _claim(api, token, id, node)
        reply = Reply(202)
        command = c.DeliverCallback(
            ref=node,
            visit=claim.visit,
            attempt=claim.attempt,
            nonce=claim.nonce,
            body=_answer(body),
            now=api.engine.clock.now(),
        )
        await api.engine.ask(id, command, project=None, meta=keep(reply))
        return reply

    return await api.once.answer(request, caller, body, effect)


async def _check_node(api: Api, id: str, node: str) -> None:
    detail = await api.views.execution(id)
    if detail is None:
        raise NotFound(f"no saga {id}")
    definition = await api.engine.compiled(detail.row.definition)
    if node not in definition.by_ref:
        raise NotFound(f"saga {id} has no node {node[:64]}")


def _claim(api: Api, token: str, id: str, node: str) -> Claim:
    if not api.config.callback_keys:
        raise Transient("asynchronous callbacks are not configured", delay=60.0)
    claim = verify(api.config.callback_keys, token, now=api.engine.clock.now())
    if (claim.execution, claim.ref) != (id, node):
        raise Unauthorized("the callback token is for another node")
    return claim


def _answer(body: bytes) -> Json:
    """Return an answer as JSON, and one that is none as text, whatever its type is said to be."""
    if not body.strip():
        return None
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode(errors="replace")
    return bodies.value(body)
