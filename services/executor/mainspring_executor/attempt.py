"""One task, one try, one report: whatever happens, there is a `Finished` and it tells the truth.

What the peer did is a fact also when something of ours fails afterwards, so an answer that came is
kept until it can be handed over.  Only what fails before the call is made, because a neighbour is
away, is no attempt: that raises `Transient`, and the task is tried again whole.
"""

import logging
from typing import Final
from urllib.parse import quote

import msgspec

from mainspring.domain.definition import Request
from mainspring.domain.errors import Transient, Unauthorized
from mainspring.domain.expression import ExpressionError
from mainspring.domain.message import Json
from mainspring.domain.secrets import literals
from mainspring.domain.task import Exchange, Fault, Finished, Task
from mainspring.ports import HttpAnswer, HttpFault
from mainspring.runtime import tokens
from mainspring.runtime.signatures import HEADER as SIGNATURE
from mainspring.runtime.signatures import signature
from mainspring.telemetry import spans
from mainspring_executor import large, record
from mainspring_executor.large import LARGE, Lost
from mainspring_executor.prepare import Callback, Prepared, child_of, prepare
from mainspring_executor.shop import Workshop

CALLBACK_PATH: Final = "/sagas/{execution}/node/{ref}/callback"
_NOTHING: Final = Request("")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_request = msgspec.json.Decoder(Request).decode
_log = logging.getLogger(__name__)


class Attempt:
    """One try of one call, which knows at each moment what can be reported of it."""

    __slots__ = ("_body", "_request", "_secrets", "_shop", "_since", "_url", "started_at", "task")

    def __init__(self, task: Task, shop: Workshop) -> None:
        self.task = task
        self.started_at = shop.clock.now()
        self._since = shop.clock.monotonic()
        self._shop = shop
        self._request = task.request or _NOTHING
        self._url = self._request.url
        self._body: bytes | None = None
        self._secrets = frozenset[str]()

    async def run(self) -> Finished:
        """Make the call and return its report.

        Raises `Transient` when nothing was sent and it should be tried again later.
        """
        try:
            answer = await self._call()
        except HttpFault as fault:
            return self.failed(fault.kind, str(fault))
        except ExpressionError as error:
            return self.failed("template", str(error))
        except (Unauthorized, Lost) as error:
            return self.failed("internal", str(error))
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the scheduler hears of it
            _log.exception("an attempt failed", extra={"execution": self.task.call.execution})
            return self.failed("internal", f"the executor failed ({type(error).__name__})")
        return await self._answered(answer)

    def failed(self, fault: Fault, text: str) -> Finished:
        """Return the report of a call that has no answer."""
        return self._report(
            Exchange(
                verb=self._request.verb,
                url=record.url(self._url, self._secrets),
                started_at=self.started_at,
                latency=self._shop.clock.monotonic() - self._since,
                request_body=record.request_body(self._body, self._secrets),
                fault=fault,
                error=record.error(text, self._secrets),
            )
        )

    async def _call(self) -> HttpAnswer:
        task, shop = self.task, self._shop
        if task.request_ref is not None:
            self._request = _decode_request(await large.fetched(shop.blobs, task.request_ref))
        request = self._request
        self._secrets = literals(request.url, request.headers)
        values, ref = task.values, task.values_ref
        if ref is not None:
            values = _decode(await large.fetched(shop.blobs, ref))
        callback = self._callback() if task.nonce else None
        about = {spans.EXECUTION_ID: task.call.execution, spans.STEP_REF: task.call.ref}
        with spans.span(spans.ATTEMPT, task.traceparent, about) as parent:
            # A span that somebody collects is the one that the peer's stand under.
            is_collected = parent != task.traceparent
            place = parent if is_collected else child_of(parent, shop.chance.seed())
            made: Prepared = prepare(task, request, values, callback, traceparent=place)
            self._url, self._body = made.url, made.body
            if task.sign:
                signed = signature(shop.keys, made.body or b"", now=shop.clock.now())
                made.headers[SIGNATURE] = signed
            # The peer's time begins here: what came before is ours.
            self._since = shop.clock.monotonic()
            return await shop.http.request(
                request.verb,
                made.url,
                headers=made.headers,
                body=made.body,
                timeout=task.timeout,
                max_body=shop.max_answer,
            )

    def _callback(self) -> Callback:
        task, call = self.task, self.task.call
        claim = tokens.Claim(
            call.execution,
            call.ref,
            call.visit,
            call.attempt,
            task.nonce,
            task.callback_expires_at or task.deadline,
        )
        token = tokens.sign(self._shop.keys, claim)
        self._secrets |= {token}
        path = CALLBACK_PATH.format(execution=call.execution, ref=quote(call.ref, safe=""))
        return Callback(self._shop.public_url + path, token)

    async def _answered(self, answer: HttpAnswer) -> Finished:
        latency = self._shop.clock.monotonic() - self._since
        headers = answer.headers
        try:
            # A peer that echoes what it was sent would write our secrets into the log.
            raw = record.without_bytes(answer.body, self._secrets)
            value = record.body(raw, headers.get("content-type", "").lower())
            ref, value = await self._by_reference(raw, value)
        except Exception as error:  # noqa: BLE001 - the peer did act, and that must be told
            _log.exception("an answer was not kept", extra={"execution": self.task.call.execution})
            return self.failed("internal", f"the answer was not kept ({type(error).__name__})")
        return self._report(
            Exchange(
                verb=self._request.verb,
                url=record.url(self._url, self._secrets),
                started_at=self.started_at,
                latency=latency,
                request_body=record.request_body(self._body, self._secrets),
                status=answer.status,
                headers=record.headers(headers, self._secrets),
                body=value,
                retry_after=record.retry_after(headers, self._shop.clock.now()),
            ),
            ref,
        )

    async def _by_reference(self, raw: bytes, value: Json) -> tuple[str | None, Json]:
        """Move a large body into a blob; nothing but an end of this process gives it up."""
        if len(raw) * 6 < LARGE:  # not even if each byte were escaped
            return None, value
        data = _encode(value)
        if len(data) <= LARGE:
            return None, value
        return await large.put(self._shop.blobs, self._shop.clock, data), None

    def _report(self, exchange: Exchange, ref: str | None = None) -> Finished:
        return Finished(self.task.call, exchange, self._shop.name, ref)
