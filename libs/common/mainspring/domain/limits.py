"""How much of Mainspring one project, or one workflow of it, may take.

A limit is a number for a scope.  A scope is a project or `project/workflow`, either part of which
may be `*`; what is said of the narrower scope holds.  All of it is one text of the operator's:

    * runs=10000 starts=200; acme starts=500; acme/import runs=5; */* queued=100

`runs` are those that have not ended, `starts` those begun in a second, `queued` those that nobody
has decided about yet.  A stored entity lost: a tenant that can write its limits has none, and it
would have to be read before each start.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import unquote

Kind: TypeAlias = Literal["runs", "starts", "queued"]
KINDS: Final[tuple[Kind, ...]] = ("runs", "starts", "queued")
_KINDS: Final[Mapping[str, Kind]] = {kind: kind for kind in KINDS}
ANY: Final = "*"
MOST: Final = 10_000_000

WORDS: Final[Mapping[Kind, str]] = {
    "runs": "runs that have not ended",
    "starts": "runs begun in a second",
    "queued": "runs that wait for their first turn",
}
"""What is counted, as it is told to whoever asked for one more."""


class Scope(NamedTuple):
    """A project, or one workflow of it where `workflow` is not empty."""

    project: str
    workflow: str = ""

    def __str__(self) -> str:
        return f"{self.project}/{self.workflow}" if self.workflow else self.project


class Limit(NamedTuple):
    """A number that holds for a scope, and the rule that says so."""

    kind: Kind
    most: int
    scope: Scope
    rule: Scope

    def __str__(self) -> str:
        what = f"workflow {self.scope.workflow}" if self.scope.workflow else "the project"
        return f"{what} may have {self.most} {WORDS[self.kind]} (limit {self.rule} {self.kind})"


class Limits:
    """All rules.  Without any, nothing is limited."""

    def __init__(self, rules: Mapping[tuple[Scope, Kind], int] | None = None) -> None:
        self._rules = dict(rules or {})

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __repr__(self) -> str:
        said = (f"{scope} {kind}={most}" for (scope, kind), most in self._rules.items())
        return f"Limits({'; '.join(said)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and self._rules == other._rules

    def __hash__(self) -> int:
        return hash(frozenset(self._rules.items()))

    def of(self, project: str, workflow: str) -> Iterator[Limit]:
        """Yield what holds for one more run of a workflow: at most one limit a kind and scope."""
        if not self._rules:
            return
        whole, one = Scope(project), Scope(project, workflow)
        for kind in KINDS:
            yield from self._first(kind, whole, (whole, Scope(ANY)))
            near = (one, Scope(project, ANY), Scope(ANY, workflow), Scope(ANY, ANY))
            yield from self._first(kind, one, near)

    def _first(self, kind: Kind, scope: Scope, rules: tuple[Scope, ...]) -> Iterator[Limit]:
        for rule in rules:
            most = self._rules.get((rule, kind))
            if most is not None:
                yield Limit(kind, most, scope, rule)
                return


def parse(text: str) -> Limits:
    """Return the rules of a text; raise ValueError with what is wrong."""
    rules: dict[tuple[Scope, Kind], int] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        named, *numbers = entry.split()
        project, _, workflow = named.partition("/")
        scope = Scope(unquote(project), unquote(workflow))
        if not numbers or not project:
            raise ValueError(f"`{entry}` is no scope with numbers, such as `acme starts=50`")
        for number in numbers:
            kind, most = _number(number)
            if (scope, kind) in rules:
                raise ValueError(f"{scope} has {kind} twice")
            rules[scope, kind] = most
    return Limits(rules)


def _number(text: str) -> tuple[Kind, int]:
    name, _, most = text.partition("=")
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError(f"`{text}` is none of {', '.join(f'{kind}=N' for kind in KINDS)}")
    if not (most.isascii() and most.isdecimal() and 0 <= int(most) <= MOST):
        raise ValueError(f"`{text}`: a whole number from 0 to {MOST} is wanted")
    return kind, int(most)
