"""One step in the engine's form, with what can be wrong inside it.

What it needs is left out here: that follows from what it reads, and is put together when all steps
have been looked at.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from mainspring.domain.definition import Ending, Retry, Step
from mainspring.domain.expression import Guard, Path
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json, replace
from mainspring.http.faults import Faults
from mainspring.http.reading import read
from mainspring_api.dialects.runs import actions, expressions, wire
from mainspring_api.dialects.runs.names import Scope
from mainspring_api.dialects.runs.spans import LONGEST_CALL_S, LONGEST_S, span

_JITTER: Final = 0.1
"""So much of a growing delay is chance, so that those who failed together do not return so."""
_FIRST_DELAY_S: Final = 1.0
_LONGEST_DELAY_S: Final = 3600.0
_NO_CREDENTIALS: Final = "credentials are not configured on this server"
_MISSING: Final[Mapping[str, str]] = {
    "credential": _NO_CREDENTIALS,
    "registry_credential": _NO_CREDENTIALS,
    "artifacts": "this server stores no artifacts",
    "max_parallel": "steps run at once by themselves, as far as they do not depend on each other",
}
_HOOKED: Final = {"depends_on": "hooks run one after the other, in their order"}
"""What the form knows from elsewhere and this server has not: never accepted and then ignored."""


class Seen(NamedTuple):
    """What a step may refer to, and how much of it is read."""

    scope: Scope
    budget: expressions.Budget
    known: actions.Known
    faults: Faults


class Compiled(NamedTuple):
    """A step, and all paths that its expressions read."""

    step: Step
    paths: frozenset[Path]


def read_step(value: Json, place: str, faults: Faults, *, is_hook: bool) -> wire.HookStep:
    """Return a step as it is written; its faults are noted, and what has none is in it still."""
    form = wire.HookStep if is_hook else wire.Step
    if not isinstance(value, dict):
        faults.add(place, f"an object is wanted, not {kind(value)}")
        return form(name="", action="")
    fields = cast("dict[str, Json]", value)
    missing = {**_MISSING, **(_HOOKED if is_hook else {})}
    for name, why in missing.items():
        if fields.get(name) is not None:
            faults.add(f"{place}.{name}", why)
    fields = {name: each for name, each in fields.items() if name not in missing}
    return read(fields, form, faults, place) or _readable(fields, form)


def _readable(fields: Mapping[str, Json], form: type[wire.HookStep]) -> wire.HookStep:
    """Return a step of those fields that can be read, so that more can be said of them."""
    sound: dict[str, Json] = {}
    for name in form.__struct_encode_fields__:
        given = {"name": "x", "action": "x", name: fields.get(name)}
        if fields.get(name) is not None and read(given, form, Faults()) is not None:
            sound[name] = fields[name]
    step = read({"name": "x", "action": "x", **sound}, form, Faults())
    assert step is not None, "every field of it can be read"  # noqa: S101
    return replace(step, name=_text(sound, "name"), action=_text(sound, "action"))


def _text(fields: Mapping[str, Json], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def compiled(
    step: wire.HookStep, place: str, seen: Seen, *, after: tuple[Ending, ...] = ()
) -> Compiled:
    """Return a step in the engine's form, without what it needs; its faults are noted."""
    return _Compiler(step, place, seen).compiled(after)


class _Compiler:
    """One step, and where it stands."""

    def __init__(self, step: wire.HookStep, place: str, seen: Seen) -> None:
        self.step = step
        self.place = place
        self.faults = seen.faults
        self.known = seen.known
        names = {*seen.scope.steps, *seen.scope.hooks}
        self.reader = expressions.Reader(names, seen.budget, seen.faults, seen.scope.check)

    def compiled(self, after: tuple[Ending, ...]) -> Compiled:
        step = self.step
        made = Step(
            ref=step.name,
            type=step.action,
            when=self._condition(),
            retry=self._retry(),
            timeout=self._timeout(),
            on_failure="continue" if step.continue_on_error or after else "fail",
            after=after,
            **self._own(),
        )
        return Compiled(made, self.reader.paths)

    def _condition(self) -> Guard | None:
        condition = self.step.condition
        if condition is None:
            return None
        text = str(condition).lower() if isinstance(condition, bool) else _bare(condition)
        return Guard("cel", self.reader.rule(text, f"{self.place}.if"))

    def _own(self) -> dict[str, Any]:
        params = self.reader.template(self.step.params, f"{self.place}.params")
        if not self.step.action:
            return {}
        settled = cast("dict[str, Json]", params)
        return actions.compiled(self.step.action, settled, self.place, self.known, self.faults)

    @property
    def _kind(self) -> str:
        return actions.kind_of(self.step.action)

    def _retry(self) -> Retry | None:
        asked, place = self.step.retry, f"{self.place}.retry"
        if asked is None:
            return Retry()
        if self._kind in ("sleep", "approval"):
            self.faults.add(place, "this action is not tried again")
        first = span(asked.delay, f"{place}.delay", self.faults, least=0.0)
        most = span(asked.max_delay, f"{place}.max_delay", self.faults, least=0.0)
        grows = asked.backoff == "exponential"
        return Retry(
            retries=asked.max_attempts - 1,
            delay=_FIRST_DELAY_S if first is None else first,
            max_delay=max(_LONGEST_DELAY_S, first or 0.0) if most is None else most,
            multiplier=2.0 if grows else 1.0,
            jitter=_JITTER if grows else 0.0,
        )

    def _timeout(self) -> float | None:
        place = f"{self.place}.timeout"
        asked = span(self.step.timeout, place, self.faults, most=LONGEST_CALL_S)
        if self._kind == "task":
            return self._http_timeout() if asked is None else asked
        if self.step.timeout is not None:
            self.faults.add(place, _ELSEWHERE[self._kind])
        return None

    def _http_timeout(self) -> float | None:
        """Return the time-out that the params of a call name: it must not be cut short."""
        given: Any = self.step.params.get("timeout")
        if self.step.action != actions.HTTP or not isinstance(given, str):
            return None
        if expressions.is_template(given):
            return None
        return span(given, f"{self.place}.params.timeout", self.faults, most=LONGEST_CALL_S)


_ELSEWHERE: Final = {
    "child": "the workflow that is run has a timeout of its own: set it there",
    "sleep": "how long it takes stands in params",
    "approval": "how long it waits stands in params.timeout",
}


def _bare(text: str) -> str:
    """Return an expression without the braces that some write around all of it."""
    whole = text.strip()
    inner = whole[2:-2]
    is_braced = whole.startswith("{{") and whole.endswith("}}") and "{{" not in inner
    return inner.strip() if is_braced else text


def names_of(steps: Json) -> list[str]:
    """Return the names of steps, readable or not, so that references can be judged."""
    listed = cast("list[Json]", steps) if isinstance(steps, list) else []
    found = (
        cast("dict[str, Json]", each).get("name") if isinstance(each, dict) else None
        for each in listed
    )
    return [name for name in found if isinstance(name, str)]


def limit_of(value: Json, place: str, faults: Faults) -> float | None:
    """Return the seconds of a time limit of the whole."""
    return span(value, place, faults, most=LONGEST_S)


def listed(value: Json, place: str, faults: Faults, *, most: int) -> list[Json]:
    """Return a list that has at most so many items; [] for what is none."""
    if value is None:
        return []
    if not isinstance(value, list):
        faults.add(place, f"a list is wanted, not {kind(value)}")
        return []
    items = cast("list[Json]", value)
    if len(items) > most:
        faults.add(place, f"has more than {most} items")
    return items[:most]
