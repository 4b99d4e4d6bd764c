"""Records that a request about many things was answered, with the answer to give again."""

import msgspec

from mainspring.bus import subjects
from mainspring.domain.envelope import EMPTY, Meta, seal
from mainspring.domain.errors import StillRunning
from mainspring.domain.requests import RequestAnswered, request_stream
from mainspring.ports import Append, Outgoing, Refused
from mainspring.runtime.engine import Engine
from mainspring.store import views


async def record_answer(
    engine: Engine, action: str, *, changed: int, failed: int, project: str, meta: Meta
) -> None:
    """Record an answer after its effects; durable when it returns.

    Raises `StillRunning` when the idempotency key in `meta` was taken meanwhile.
    """
    now = engine.clock.now()
    event = RequestAnswered(action=action, changed=changed, failed=failed, at=now)
    stream = request_stream(engine.ids.uuid7())
    sealed = seal(stream, EMPTY, [event], meta=meta, project=project, now=now)
    append = Append(stream, EMPTY, sealed, tuple(views.project_request(sealed[0])))
    outcome = (await engine.log.append([append]))[0]
    if isinstance(outcome, Refused):
        raise StillRunning("the idempotency key was taken meanwhile")
    # For those who watch the project: nothing is left to decide about it.
    subject = subjects.event(stream.category, 0, stream.id, settled=True)
    body = msgspec.json.encode({"v": sealed[0].version, "x": project})
    await engine.publish([Outgoing(subject, body, f"{stream}:{sealed[0].version}")])
