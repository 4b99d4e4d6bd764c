"""A node with one fault is judged for its others too."""

import pytest

from mainspring.domain.errors import DefinitionInvalid
from mainspring_api.dialects.sagas.compile import compile_definition


def test_a_node_that_cannot_be_read_is_still_judged_by_where_it_leads() -> None:
    request = {"url": "http://peer/", "verb": "POS"}
    node = {"kind": "task", "id": "charge", "next": "chargee"}
    node |= {"action": {"mode": "sync", "request": request}}
    source = {"name": "x", "version": "v1", "entrypoint": "charge", "nodes": [node]}
    with pytest.raises(DefinitionInvalid) as refused:
        compile_definition(source)
    places = {fault.split(":")[0] for fault in refused.value.faults}
    assert places == {"nodes[0].next", "nodes[0].action.request.verb"}
