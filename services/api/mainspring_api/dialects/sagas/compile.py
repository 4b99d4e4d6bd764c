"""From a saga's definition to the engine's own, or all faults at once.

Both forms come here: `nodes` is a graph, `steps` the older chain with its `up` and `down`; the key
`nodes` tells them apart.  Everything that can be known beforehand is checked: references, names in
templates, rules, the shape of the graph.  What compiles can be run to an end.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Final, TypeAlias, cast

import msgspec

from mainspring.domain.definition import Callback, Case, Definition, Request, Retry, Step
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json, replace
from mainspring.http.faults import Faults, item
from mainspring.http.reading import read, read_list
from mainspring_api.dialects.sagas import calls, wire
from mainspring_api.dialects.sagas.names import ALIASES, Names, check_rule
from mainspring_api.dialects.sagas.shape import check_shape

DIALECT: Final = "sagas"
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


def compile_definition(source: Json) -> Definition:
    """Return the engine's form of a definition; raise `DefinitionInvalid` with all faults."""
    faults = Faults()
    if not isinstance(source, dict):
        faults.add("", f"a definition is an object, not {kind(source)}")
        faults.check()
    form = _Steps if "steps" in source and "nodes" not in source else _Nodes
    definition = form(cast("dict[str, Json]", source), faults).compiled()
    faults.check()
    assert definition is not None, "what has no fault can be read"  # noqa: S101
    return definition


class _Form:
    """What both forms have in common: policies, calls, notices."""

    def __init__(self, source: dict[str, Json], faults: Faults) -> None:
        self.source = source
        self.faults = faults
        self.ids: dict[str, int] = {}
        self.default = Retry()
        self.on_success: Request | None = None
        self.on_failure: Request | None = None

    def learn(self, place: str, field: str, head: wire.Head | None) -> None:
        """Learn what nodes refer to: each other's ids and the common policy; check the notices."""
        self._take_ids(place, field)
        self.default = calls.policy(head.failure_handling if head else None) or Retry()
        self.on_success = self._notice("onSuccessCallback")
        self.on_failure = self._notice("onFailureCallback")

    def _take_ids(self, place: str, field: str) -> None:
        """Learn the ids of all nodes, readable or not, so that references can be judged."""
        items: Json = self.source.get(place)
        nodes = cast("list[Json]", items) if isinstance(items, list) else []
        for index, node in enumerate(nodes):
            id = cast("dict[str, Json]", node).get(field) if isinstance(node, dict) else None
            if isinstance(id, str) and self.ids.setdefault(id, index) != index:
                first = item(place, self.ids[id])
                self.faults.add(f"{item(place, index)}.{field}", f'"{id}" is that of {first} too')

    def nodes(self, place: str, wanted: object) -> dict[int, Json]:
        """Return the nodes that could be read."""
        items = self.source.get(place)
        if items is None:
            return {}
        if isinstance(items, list) and not 1 <= len(cast("list[Json]", items)) <= wire.MOST_NODES:
            self.faults.add(place, f"needs 1 to {wire.MOST_NODES} items")
            return {}
        return read_list(items, wanted, self.faults, place)

    def target(self, name: str, place: str) -> str:
        """Note it when a reference leads nowhere."""
        if name not in self.ids:
            self.faults.unknown(place, "node", name, self.ids)
        return name

    def policy(
        self,
        handling: wire.FailureHandling | None,
        retry_on: wire.RetryOn | None = None,
        place: str = "",
    ) -> Retry | None:
        """Return a policy of its own, or None where the definition's holds."""
        own = calls.policy(handling)
        if retry_on is None:
            return own
        return replace(own or self.default, retry_on=calls.retry_on(retry_on, place, self.faults))

    def request(self, call: wire.HttpCall, place: str, *, asynchronous: bool = False) -> Request:
        names = Names.of_call(self.ids, asynchronous=asynchronous)
        return calls.request(call, place, names, self.faults)

    def compensation(self, call: wire.HttpCall | None, place: str) -> Request | None:
        return None if call is None else self.request(call, place)

    def _notice(self, field: str) -> Request | None:
        """Return the call at a run's end; one that can be read is checked, whatever else cannot."""
        raw: Json = self.source.get(field)
        call = None if raw is None else read(raw, wire.HttpCall, Faults())
        return self.compensation(call, field)

    def definition(self, head: wire.Head, entrypoint: str, steps: list[Step]) -> Definition:
        return Definition(
            name=head.name,
            version=head.version,
            planner="path",
            steps=tuple(steps),
            entrypoint=entrypoint,
            retry=self.default,
            on_success=self.on_success,
            on_failure=self.on_failure,
            aliases=ALIASES,
        )


class _Nodes(_Form):
    """The graph form."""

    def compiled(self) -> Definition | None:
        head = read(self.source, wire.NodeHead, self.faults)
        self.learn("nodes", "id", head)
        entrypoint: Json = self.source.get("entrypoint")
        if isinstance(entrypoint, str):
            self.target(entrypoint, "entrypoint")
        readable = self.nodes("nodes", wire.Node)
        self._check_unreadable(readable)
        steps = [self._step(node, item("nodes", index)) for index, node in readable.items()]
        if head is None:
            return None
        definition = self.definition(head, head.entrypoint, steps)
        if not self.faults:
            check_shape(definition.by_ref, head.entrypoint, self.faults)
        return definition

    def _check_unreadable(self, readable: Mapping[int, Json]) -> None:
        """Judge where nodes lead that have other faults: all faults are told at once."""
        items: Json = self.source.get("nodes")
        for index, node in enumerate(cast("list[Json]", items) if isinstance(items, list) else []):
            if index in readable or not isinstance(node, dict):
                continue
            for field in ("next", "default", "join"):
                name = cast("dict[str, Json]", node).get(field)
                if isinstance(name, str):
                    self.target(name, f"{item('nodes', index)}.{field}")

    def _step(self, node: wire.Node, place: str) -> Step:
        match node:
            case wire.TaskNode():
                return self._task(node, place)
            case wire.SwitchNode():
                return self._switch(node, place)
            case wire.SleepNode():
                return self._sleep(node, place)
            case wire.SplitNode():
                return self._split(node, place)
            case wire.JoinNode():
                return Step(
                    ref=node.id,
                    kind="join",
                    next=self._next(node.next, place),
                    on_branch_failure=node.on_branch_failure,
                )

    def _next(self, name: str | None, place: str) -> str | None:
        return None if name is None else self.target(name, f"{place}.next")

    def _task(self, node: wire.TaskNode, place: str) -> Step:
        action = node.action
        asynchronous = action.mode == "async"
        self._check_mode(action, f"{place}.action")
        request = self.request(action.request, f"{place}.action.request", asynchronous=asynchronous)
        if action.success_status_codes:
            request = replace(request, success=calls.codes(action.success_status_codes))
        accepted = action.accepted_status_codes
        return Step(
            ref=node.id,
            next=self._next(node.next, place),
            request=request,
            asynchronous=asynchronous,
            accepted=calls.codes(accepted) if accepted else None,
            callback=self._callback(action.callback, f"{place}.action.callback"),
            retry=self.policy(node.failure_handling, node.retry_on, f"{place}.retryOn"),
            timeout=calls.seconds(node.timeout_millis),
            compensation=self.compensation(node.compensation, f"{place}.compensation"),
        )

    def _check_mode(self, action: wire.Action, place: str) -> None:
        if action.mode == "async":
            wrong = {"successStatusCodes": action.success_status_codes}
            hint = 'is for mode "sync"; an async task has acceptedStatusCodes'
            if action.callback is None:
                self.faults.add(f"{place}.callback", 'is missing: mode "async" needs it')
        else:
            hint = 'is for mode "async" only'
            wrong = {
                "callback": action.callback,
                "acceptedStatusCodes": action.accepted_status_codes,
            }
        for name, value in wrong.items():
            if value is not None:
                self.faults.add(f"{place}.{name}", hint)

    def _callback(self, rules: wire.CallbackRules | None, place: str) -> Callback | None:
        if rules is None:
            return None
        names = Names.of_rule(self.ids, answered=True)
        return Callback(
            timeout=rules.timeout_millis / 1000,
            success_when=check_rule(rules.success_when, f"{place}.successWhen", names, self.faults),
            failure_when=check_rule(rules.failure_when, f"{place}.failureWhen", names, self.faults),
        )

    def _switch(self, node: wire.SwitchNode, place: str) -> Step:
        names = Names.of_rule(self.ids)
        cases: list[Case] = []
        for index, case in enumerate(node.cases):
            here = f"{place}.cases[{index}]"
            when = check_rule(case.when, f"{here}.when", names, self.faults)
            cases.append(Case(when, self.target(case.target, f"{here}.target"), case.name))
        default = self.target(node.default, f"{place}.default")
        return Step(ref=node.id, kind="switch", cases=tuple(cases), default=default)

    def _sleep(self, node: wire.SleepNode, place: str) -> Step:
        if (node.duration_millis is None) == (node.until is None):
            self.faults.add(place, "needs either durationMillis or until")
        until = None if node.until is None else self._instant(node.until, f"{place}.until")
        return Step(
            ref=node.id,
            kind="sleep",
            next=self._next(node.next, place),
            duration=calls.seconds(node.duration_millis),
            until=until,
        )

    def _instant(self, text: str, place: str) -> float | None:
        try:
            instant = msgspec.convert(text, Instant)
            if 1970 < instant.year < 9999:
                return instant.timestamp()
        except msgspec.ValidationError:
            pass
        self.faults.add(place, "must be an instant with its zone, as 2030-01-31T08:00:00Z")
        return None

    def _split(self, node: wire.SplitNode, place: str) -> Step:
        for index, branch in enumerate(node.branches):
            here = f"{place}.branches[{index}]"
            self.target(branch, here)
            if branch in node.branches[:index]:
                self.faults.add(here, f'"{branch}" is a branch already')
        self.target(node.join, f"{place}.join")
        self._check_is_join(node.join, f"{place}.join")
        return Step(ref=node.id, kind="split", branches=node.branches, join=node.join)

    def _check_is_join(self, name: str, place: str) -> None:
        found = self.source["nodes"][self.ids[name]].get("kind") if name in self.ids else "join"
        if found != "join" and isinstance(found, str):
            self.faults.add(place, f'"{name}" is no join, but a {found}')


class _Steps(_Form):
    """The older form: a chain, whose steps are undone by their `down`."""

    def compiled(self) -> Definition | None:
        head = read(self.source, wire.StepsHead, self.faults)
        self.learn("steps", "name", head)
        chain: Mapping[int, wire.SagaStep] = self.nodes("steps", wire.SagaStep)
        steps = list(self._chain(chain))
        return self.definition(head, steps[0].ref, steps) if head and steps else None

    def _chain(self, chain: Mapping[int, wire.SagaStep]) -> Iterator[Step]:
        for index, step in chain.items():
            place = item("steps", index)
            following = chain.get(index + 1)
            yield Step(
                ref=step.name,
                next=following.name if following else None,
                request=self.request(step.up, f"{place}.up"),
                retry=self.policy(step.failure_handling, step.retry_on, f"{place}.retryOn"),
                timeout=calls.seconds(step.timeout_millis),
                compensation=self.request(step.down, f"{place}.down"),
            )
