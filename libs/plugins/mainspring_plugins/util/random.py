"""`util.random`: chance, unguessable unless it is told otherwise.

What is not secure is drawn from a seed of the context's chance: fast, and the same again in a run
that is simulated.  Whole numbers are drawn without bias by either.
"""

import random
import string
from base64 import b64encode
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import (
    anything,
    choice,
    closed,
    flag,
    gives,
    number,
    several,
    text,
    whole,
)

LARGEST: Final = 2**53 - 1  # beyond it a reader in another language loses digits
_LETTERS: Final = string.ascii_letters + string.digits

MANIFEST: Final = Manifest(
    id="util.random",
    name="Random",
    category="Utility",
    description=(
        "Draws a whole number, a number, a text, bytes, or one of several values. "
        "It is unguessable unless secure is false."
    ),
    input=closed(
        {
            "kind": choice(
                "What is drawn.", "int", "float", "string", "choice", "bytes", default="int"
            ),
            "min": number("The least number (it may be drawn).", default=0),
            "max": number("The greatest number; 100 for int, 1 for float."),
            "length": whole("Characters or bytes.", default=16, minimum=1, maximum=65536),
            "alphabet": text("Characters of a text; letters and digits.", minLength=1),
            "choices": several("What is chosen from.", anything("A value."), minItems=1),
            "secure": flag("Draw it so that nobody can guess it.", default=True),
        }
    ),
    output=gives({"value": anything("What was drawn; bytes as base64.")}),
    examples=(
        {"input": {"kind": "int", "min": 1, "max": 6}, "output": {"value": 4}, "varies": ["value"]},
        {"input": {"kind": "choice", "choices": ["only"]}, "output": {"value": "only"}},
    ),
)


def _int(given: Mapping[str, Json], source: random.Random) -> Json:
    low, high = given.get("min", 0), given.get("max", 100)
    for name, bound in (("min", low), ("max", high)):
        if not isfinite(bound) or bound != int(bound) or abs(bound) > LARGEST:
            raise bad(name, f"is no whole number within ±{LARGEST}")
    _in_order(low, high)
    return source.randint(int(low), int(high))


def _float(given: Mapping[str, Json], source: random.Random) -> Json:
    low, high = float(given.get("min", 0)), float(given.get("max", 1))
    _in_order(low, high)
    if not isfinite(high - low):
        raise bad("max", "lies too far from min")
    return source.uniform(low, high)


def _in_order(low: float, high: float) -> None:
    if low > high:
        raise bad("max", f"{high} is less than min, {low}")


def _string(given: Mapping[str, Json], source: random.Random) -> Json:
    return "".join(source.choices(given.get("alphabet", _LETTERS), k=int(given.get("length", 16))))


def _choice(given: Mapping[str, Json], source: random.Random) -> Json:
    if "choices" not in given:
        raise bad("choices", "is needed for the kind choice")
    return source.choice(given["choices"])


def _bytes(given: Mapping[str, Json], source: random.Random) -> Json:
    return b64encode(source.randbytes(int(given.get("length", 16)))).decode()


_DRAWN: Final[Mapping[str, Callable[[Mapping[str, Json], random.Random], Json]]] = {
    "int": _int,
    "float": _float,
    "string": _string,
    "choice": _choice,
    "bytes": _bytes,
}


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return what was drawn."""
    source = (
        random.SystemRandom() if given.get("secure", True) else random.Random(context.chance.seed())  # noqa: S311 - it was asked for
    )
    return {"value": _DRAWN[given.get("kind", "int")](given, source)}
