"""Which runs of a workflow are counted together: those whose key comes to the same text.

The key is rendered once, when the run is asked for, and stays with it: a retry of a run asks anew.
A rival, rendering it wherever it is needed, would lose a place when an expression gives another
text the next time.
"""

from typing import Final

import msgspec

from mainspring.domain.definition import Definition
from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.execution.context import Viewpoint, value
from mainspring.domain.execution.events import ExecutionRequested
from mainspring.domain.execution.state import absent
from mainspring.domain.expression import ExpressionError
from mainspring.domain.message import Json, replace

LONGEST: Final = 256
"""Characters that a key may come to."""

ROOTS: Final = ("inputs", "trigger", "vars", "env")
"""What a key may name: what is known before there is a run."""

PLACE: Final = "concurrency.key"


def lane_of(definition: Definition, payload: Json) -> str:
    """Return the key of a run with this payload; "" where its workflow has none.

    Raises `DefinitionInvalid` for a key that cannot be rendered, or is none.
    """
    if definition.lane is None:
        return ""
    asked = ExecutionRequested(
        definition="",
        name=definition.name,
        version=definition.version,
        dialect="",
        payload=payload,
        at=0.0,
    )
    x = replace(absent("", definition), requested=asked)
    try:
        found = _text(value(x, definition.lane, Viewpoint()))
    except ExpressionError as error:
        raise DefinitionInvalid([f"{PLACE}: {error}"]) from None
    if len(found) > LONGEST:
        raise DefinitionInvalid([f"{PLACE}: comes to more than {LONGEST} characters"])
    if not found.isprintable():
        raise DefinitionInvalid([f"{PLACE}: comes to characters that cannot be printed"])
    return found


def _text(found: Json) -> str:
    if found is None:
        return ""
    return found if isinstance(found, str) else msgspec.json.encode(found, order="sorted").decode()
