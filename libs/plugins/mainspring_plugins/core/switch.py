"""`core.switch`: tells which case a value fits; the engine runs the case's tasks.

A case that is just the value's text goes before every pattern, whatever their order; patterns are
RE2 and are tried in the order of their text in the definition, against the whole value.
"""

from collections.abc import Sequence
from typing import Final

from mainspring.domain.expression import ExpressionError
from mainspring.domain.expression.pattern import compile_pattern
from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import anything, closed, gives, named, tasks, text
from mainspring_plugins.support.texts import written

PATTERN: Final = "re:"
DEFAULT: Final = "default"
BULKY: Final = 200_000
"""Characters times cases beyond which a helper process looks for the case."""

MANIFEST: Final = Manifest(
    id="core.switch",
    name="Switch",
    category="Core",
    description=(
        "Runs the tasks of the case that is the value's text, else of the first case re:… whose "
        "pattern fits the whole of it, else those under default."
    ),
    input=closed(
        {
            "value": anything("The value; what is no text is compared as its JSON."),
            "cases": named(
                "The tasks of each case, by its text or by re: and a regular expression (RE2).",
                tasks("Its tasks."),
            ),
            "default": tasks("The tasks to run when no case fits."),
        },
        "value",
        "cases",
    ),
    output=gives({"matched": text('The case that is taken, or "default".')}),
    examples=(
        {"input": {"value": "eu", "cases": {"eu": [], "us": []}}, "output": {"matched": "eu"}},
        {
            "input": {"value": "v1.2", "cases": {"re:v[0-9.]+": []}},
            "output": {"matched": "re:v[0-9.]+"},
        },
        {"input": {"value": 7, "cases": {"8": []}}, "output": {"matched": "default"}},
    ),
)


def matched(text: str, names: Sequence[str]) -> str:
    """Return the case that fits; raise a final `PluginFailed` for a pattern that is none."""
    if text in names:
        return text
    fitting = (name for name in names if name.startswith(PATTERN) and _fits(name, text))
    return next(fitting, DEFAULT)


def _fits(name: str, text: str) -> bool:
    try:
        return compile_pattern(rf"^(?:{name[len(PATTERN) :]})\z").found(text)
    except ExpressionError as error:
        raise bad(f"cases.{name}", str(error)) from None


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return the case that the value fits."""
    text, names = written(given["value"]), list(given["cases"])
    if len(text) * len(names) <= BULKY:
        return {"matched": matched(text, names)}
    return {"matched": await context.bounded(matched, text, names)}
