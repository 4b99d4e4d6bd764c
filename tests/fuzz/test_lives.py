"""What compiles can be run to an end, whatever its calls answer."""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz import documents as valid
from tests.fuzz.law import examples
from tests.fuzz.mutants import VALUES, mutants, written
from tests.fuzz.test_definitions import OTHERS, PINS, PLUGINS

from mainspring.domain.definition import Definition
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.execution import commands as c
from mainspring.domain.execution.react import StartChild
from mainspring.http import bodies
from mainspring.http.faults import Faults
from mainspring.runtime.beginnings import payload_of
from mainspring.testing.player import Player
from mainspring_api.dialects.flows.definitions import compile as flows
from mainspring_api.dialects.flows.definitions.controls import Pin
from mainspring_api.dialects.native.definitions.compile import compile_workflow as native
from mainspring_api.dialects.runs import compile as runs
from mainspring_api.dialects.runs.actions import Known
from mainspring_api.dialects.sagas.compile import compile_definition
from mainspring_api.dialects.yamls import read_yaml

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
ROUNDS: Final = 60
DOCUMENTS: Final[dict[str, Any]] = {
    "flows": valid.FLOW,
    "runs": valid.WORKFLOW,
    "native": valid.NATIVE,
    "sagas": valid.SAGA,
}


def compiled(dialect: str, text: str) -> Definition:
    """Return what a text means; raise `DefinitionInvalid`."""
    if dialect == "flows":
        read = flows.read_text(text)
        pins = {asked: Pin("other-id", "other", None) for asked in read.subflows("default")}
        return flows.compile_flow(read, None, "default", pins).definition
    if dialect == "runs":
        faults = Faults()
        document = read_yaml(text, faults)
        return runs.compile_workflow(document, Known(PLUGINS, OTHERS, ""), faults).definition
    source = bodies.value(text.encode(errors="surrogatepass"))
    return native(source, "1", PINS) if dialect == "native" else compile_definition(source)


def turn(player: Player, data: st.DataObject) -> bool:
    """Let something happen, if there is something to happen."""
    events = player.advance()
    for task in player.in_flight():
        value = data.draw(VALUES)
        if task.plugin is not None:
            failure = data.draw(st.sampled_from(["", "", "it broke"]))
            events += player.works(task.call, {"value": value, "status": 200}, failure=failure)
        else:
            status = data.draw(st.sampled_from([200, 200, 404, 500, None]))
            fault = "timeout" if status is None else None
            events += player.answers(task.call, status, value, fault)
    for chore in player.owed():
        if isinstance(chore, StartChild):
            events += player.child_ends(chore, "succeeded", data.draw(VALUES))
        else:
            events += player.sent(chore)
    return bool(events) or player.jump()


@examples(120)
@given(st.sampled_from(sorted(DOCUMENTS)), VALUES, st.data())
def test_what_compiles_is_run_to_an_end(dialect: str, given_: Any, data: st.DataObject) -> None:
    text = written(data.draw(st.just(DOCUMENTS[dialect]) | mutants(DOCUMENTS[dialect])))
    try:
        definition = compiled(dialect, text)
        payload = payload_of(definition, dialect, given_)
    except DefinitionInvalid:
        return
    player = Player(definition, payload=payload)
    for _ in range(ROUNDS):
        if player.x.is_terminal or not turn(player, data):
            break
    if not player.x.is_terminal:
        player.ask(c.RequestCancel())
        while not player.x.is_terminal and turn(player, data):
            pass
    assert player.x.is_terminal
    msgspec.json.encode([each.body for each in player.log])
