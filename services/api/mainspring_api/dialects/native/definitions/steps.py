"""Each kind of step in the engine's form, with what can be wrong inside one step."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from mainspring.domain.definition import (
    Approval,
    Child,
    OnFailure,
    Request,
    Retry,
    Step,
    Wait,
)
from mainspring.domain.keys import KeyInvalid, event_key
from mainspring.domain.message import Json
from mainspring.http.faults import Faults, below, shown
from mainspring_api.dialects.native.definitions import wire
from mainspring_api.dialects.native.definitions.conditions import guard_of
from mainspring_api.dialects.native.definitions.names import Scope
from mainspring_api.dialects.outbound import (
    SUCCESS,
    check_headers,
    check_url,
    codes,
    header_texts,
)
from mainspring_api.dialects.templates import check_body, check_text, check_value

_ON_FAILURE: Final[dict[str, OnFailure]] = {
    "fail_workflow": "fail",
    "skip_dependents": "skip_dependents",
    "continue": "continue",
}
_TAG: Final = re.compile(r"\{\{.*?\}\}\}?", re.DOTALL)
_JITTER: Final = 0.1
"""So much of a growing delay is chance, so that those who failed together do not return so."""


class Pin(NamedTuple):
    """A workflow that a step runs: its id, and the form that it has now.

    Without a form it is the workflow itself, which runs in the version of the run.
    """

    id: str
    hash: str | None


class Known(NamedTuple):
    """What one step may refer to."""

    refs: Collection[str]
    seen: Callable[[str], Collection[str]]
    pins: Mapping[str, Pin]
    bare: set[str]
    faults: Faults


def compiled(step: wire.Step, needs: Sequence[str], place: str, known: Known) -> Step:
    """Return a step in the engine's form; what is wrong with it is noted."""
    return _Compiler(step, place, known).compiled(tuple(needs))


class _Compiler:
    """One step: where it stands, and what it sees."""

    def __init__(self, step: wire.Step, place: str, known: Known) -> None:
        self.step = step
        self.place = place
        self.known = known
        self.faults = known.faults
        self.scope = Scope(known.refs, known.seen(step.step_ref))
        self.judge = self.scope.judge(self.faults, known.bare)

    def compiled(self, needs: tuple[str, ...]) -> Step:
        """Return what all steps have, and what the kind of step adds."""
        step = self.step
        return Step(
            ref=step.step_ref,
            needs=needs,
            on_failure=_ON_FAILURE[step.on_failure],
            when=self._guard(step.condition),
            emit_key=self._emit_key(step.event_emit_key),
            concurrency_key=step.concurrency_key,
            compensation=self._compensation(step.compensation),
            **self._own(),
        )

    def _own(self) -> dict[str, Json]:
        match self.step:
            case wire.HttpStep() as step:
                return self._call(step, step.request)
            case wire.JobStep() as step:
                return self._job(step)
            case wire.ApprovalStep() as step:
                return self._approval(step)
            case wire.EventStep() as step:
                return self._event(step)
            case wire.SleepStep() as step:
                return {"kind": "sleep", "duration": step.sleep_duration_secs}
            case wire.SubWorkflowStep() as step:
                return self._child(step)

    def _guard(self, rule: Json) -> Json:
        if rule is None:
            return None
        return guard_of(rule, f"{self.place}.condition", self.scope, self.faults)

    def _emit_key(self, key: str | None) -> str | None:
        if key is not None:
            # The step has ended by then, so that the key may be made of its own output.
            scope = Scope(self.scope.refs, {*self.scope.seen, self.step.step_ref})
            self._check_key(key, f"{self.place}.event_emit_key", scope)
        return key

    def _check_key(self, key: str, place: str, scope: Scope) -> None:
        literal = _TAG.sub("", key)
        if literal:
            try:
                event_key(literal)
            except KeyInvalid as error:
                self.faults.add(place, str(error))
        check_text(key, place, self.faults, scope.judge(self.faults, self.known.bare))

    def _compensation(self, call: wire.HttpRequest | None) -> Request | None:
        if call is None:
            return None
        # Everything that has been done is there when it is undone, whatever came after what.
        everything = Scope(self.scope.refs, self.scope.refs)
        return self._request(call, f"{self.place}.compensation", everything)

    def _request(
        self, call: wire.HttpRequest, place: str, scope: Scope, payload: Json = None
    ) -> Request:
        judge = scope.judge(self.faults, self.known.bare)
        check_url(call.url, f"{place}.url", self.faults)
        check_text(call.url, f"{place}.url", self.faults, judge)
        check_headers(call.headers, f"{place}.headers", self.faults)
        headers = header_texts(call.headers)
        for name, text in headers.items():
            check_text(text, below(f"{place}.headers", name), self.faults, judge)
        check_body(call.body, f"{place}.body", self.faults, judge)
        body = payload if call.body is None else call.body
        given = call.success_status_codes
        return Request(
            url=call.url,
            verb=call.verb,
            headers=headers,
            body=body,
            has_body=body is not None,
            success=codes(given) if given else SUCCESS[call.verb],
        )

    def _call(
        self, step: wire.HttpStep | wire.JobStep, request: wire.HttpRequest
    ) -> dict[str, Json]:
        place = f"{self.place}.request"
        if step.payload is not None and request.body is not None:
            self.faults.add(f"{self.place}.payload", "is sent as the body: the request has one")
        check_body(step.payload, f"{self.place}.payload", self.faults, self.judge)
        return {
            "request": self._request(request, place, self.scope, step.payload),
            "retry": self._retry(step),
            "timeout": step.timeout_secs,
        }

    def _job(self, step: wire.JobStep) -> dict[str, Json]:
        if step.plugin is not None:
            what = f'plugins are not available (plugin "{shown(step.plugin)}")'
            self.faults.add(f"{self.place}.plugin", what)
        elif step.properties is not None:
            self.faults.add(f"{self.place}.properties", "are for a plugin")
        elif step.request is None:
            self.faults.add(f"{self.place}.request", "is missing")
        if step.request is not None:
            return self._call(step, step.request)
        return {}

    def _retry(self, step: wire.Retried) -> Retry:
        grows = step.retry_backoff == "exponential"
        return Retry(
            retries=step.retry_max_attempts - 1,
            delay=step.retry_initial_delay_secs,
            max_delay=step.retry_max_delay_secs,
            multiplier=2.0 if grows else 1.0,
            jitter=_JITTER if grows else 0.0,
            max_duration=step.retry_max_duration_secs,
        )

    def _ask(self, payload: Json) -> Json:
        check_value(payload, f"{self.place}.payload", self.faults, self.judge)
        return payload

    def _approval(self, step: wire.ApprovalStep) -> dict[str, Json]:
        approval = Approval(
            approvers=tuple(dict.fromkeys(step.approval_approvers)),
            timeout=step.approval_timeout_secs,
            ask=self._ask(step.payload),
        )
        return {"kind": "approval", "approval": approval}

    def _event(self, step: wire.EventStep) -> dict[str, Json]:
        self._check_key(step.event_key, f"{self.place}.event_key", self.scope)
        if step.event_notify_url is not None:
            place = f"{self.place}.event_notify_url"
            check_url(step.event_notify_url, place, self.faults)
            check_text(step.event_notify_url, place, self.faults, self.judge)
        wait = Wait(
            key=step.event_key,
            timeout=step.event_timeout_secs,
            notify_url=step.event_notify_url,
            ask=self._ask(step.payload),
        )
        return {"kind": "wait", "wait": wait}

    def _child(self, step: wire.SubWorkflowStep) -> dict[str, Json]:
        pin = self.known.pins.get(step.sub_workflow_id)
        if pin is None:
            place = f"{self.place}.sub_workflow_id"
            self.faults.add(place, f'no workflow "{shown(step.sub_workflow_id)}"')
            return {}
        child = Child(workflow=pin.id, payload=self._ask(step.payload), hash=pin.hash)
        return {"kind": "child", "child": child, "retry": self._retry(step)}
