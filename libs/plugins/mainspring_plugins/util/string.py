"""`util.string`: what is done to texts day by day.

Patterns are RE2, so none can run away; what could grow beyond the output's bound is measured before
it is made.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.asked import needed, text_of
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.patterns import compiled, filled, template
from mainspring_plugins.support.schema import (
    anything,
    choice,
    closed,
    flag,
    gives,
    of,
    several,
    text,
    whole,
)
from mainspring_plugins.support.texts import as_bytes, written
from mainspring_plugins.support.working import in_place

MOST: Final = 4 << 20
"""Characters of a result."""
STYLES: Final = ("camel", "pascal", "snake", "kebab", "constant", "title", "sentence")
OPERATIONS: Final = (
    *("upper", "lower", "trim", "split", "join"),
    *("replace", "slug", "truncate", "pad", "case"),
)

MANIFEST: Final = Manifest(
    id="util.string",
    name="String",
    category="Utility",
    description=(
        "Changes a text: upper, lower, trim, split, join, replace, slug, truncate, pad, or case."
    ),
    input=closed(
        {
            "op": choice("What to do.", *OPERATIONS),
            "text": text("The text."),
            "items": several("join: the parts.", anything("A value.")),
            "separator": text('split, join: between parts; slug: "-".', default=","),
            "limit": whole("split: how many parts at most.", minimum=1, maximum=1_000_000),
            "find": text("replace: what is looked for.", minLength=1),
            "with": text("replace: what stands there instead.", default=""),
            "regex": flag("replace: find is a pattern (RE2).", default=False),
            "length": whole("truncate, pad: characters.", minimum=0, maximum=1_000_000),
            "suffix": text("truncate: the end of what was cut.", default="…"),
            "side": choice(
                "trim, pad: where; trim both, pad left when not given.", "left", "right", "both"
            ),
            "fill": text("pad: one character.", default=" ", minLength=1, maxLength=1),
            "characters": text("trim: what goes; white space when not given."),
            "style": choice("case: how words are written.", *STYLES),
        },
        "op",
    ),
    output=gives({"result": of(["string", "array"], "The text; split: the parts.")}),
    examples=(
        {"input": {"op": "slug", "text": "Crème brûlée!"}, "output": {"result": "creme-brulee"}},
        {"input": {"op": "split", "text": "a,b"}, "output": {"result": ["a", "b"]}},
        {
            "input": {"op": "case", "text": "order line", "style": "camel"},
            "output": {"result": "orderLine"},
        },
    ),
)


def _upper(given: dict[str, Json]) -> Json:
    return text_of(given, "text").upper()


def _lower(given: dict[str, Json]) -> Json:
    return text_of(given, "text").lower()


def _trim(given: dict[str, Json]) -> Json:
    value, characters = text_of(given, "text"), given.get("characters")
    match given.get("side", "both"):
        case "left":
            return value.lstrip(characters)
        case "right":
            return value.rstrip(characters)
        case _:
            return value.strip(characters)


def _split(given: dict[str, Json]) -> Json:
    separator = given.get("separator", ",")
    value, most = text_of(given, "text"), int(given.get("limit", 0)) - 1
    return value.split(separator, most) if separator else list(value)


def _join(given: dict[str, Json]) -> Json:
    parts = [written(item) for item in needed(given, "items")]
    separator = given.get("separator", ",")
    _fits(sum(map(len, parts)) + len(separator) * len(parts))
    return separator.join(parts)


def _replace(given: dict[str, Json]) -> Json:
    value, find, new = text_of(given, "text"), text_of(given, "find"), given.get("with", "")
    if given.get("regex"):
        return replaced(value, find, new)
    _fits(len(value) + value.count(find) * len(new))
    return value.replace(find, new)


def replaced(value: str, find: str, new: str) -> str:
    r"""Return a text with all matches of an RE2 replaced; `\1` and `\g<name>` are groups."""
    pattern = compiled(find, place="find")
    parts = template(new, pattern, "with")
    made: list[str] = []
    end = size = 0
    for match in pattern.finditer(as_bytes(value, "text").decode()):
        made += (value[end : match.start()], filled(parts, match))
        size += len(made[-2]) + len(made[-1])
        _fits(size)
        end = match.end()
    return "".join([*made, value[end:]])


def slug(value: str, separator: str) -> str:
    """Return a text of small letters and digits, words apart; accents go, other scripts too."""
    flat = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    return separator.join(re.findall(r"[a-z0-9]+", flat))


def _slug(given: dict[str, Json]) -> Json:
    return slug(text_of(given, "text"), given.get("separator", "-"))


def _truncate(given: dict[str, Json]) -> Json:
    value, length, suffix = (
        text_of(given, "text"),
        int(needed(given, "length")),
        given.get("suffix", "…"),
    )
    if len(value) <= length:
        return value
    return (value[: max(length - len(suffix), 0)] + suffix)[:length]


def _pad(given: dict[str, Json]) -> Json:
    value, length, fill = (
        text_of(given, "text"),
        int(needed(given, "length")),
        given.get("fill", " "),
    )
    match given.get("side", "left"):
        case "left":
            return value.rjust(length, fill)
        case "right":
            return value.ljust(length, fill)
        case _:
            return value.center(length, fill)


def words(value: str) -> list[str]:
    """Return the words of a text in small letters; a capital inside a word begins another."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", value)
    return re.findall(r"[^\W_]+", parted.lower())


def styled(value: str, style: str) -> str:
    """Return the words of a text as `style` writes them."""
    found = words(value)
    capital = [word.capitalize() for word in found]
    match style:
        case "camel":
            return "".join(found[:1] + capital[1:])
        case "pascal":
            return "".join(capital)
        case "snake":
            return "_".join(found)
        case "kebab":
            return "-".join(found)
        case "constant":
            return "_".join(found).upper()
        case "title":
            return " ".join(capital)
        case _:
            return " ".join(capital[:1] + found[1:])


def _case(given: dict[str, Json]) -> Json:
    return styled(text_of(given, "text"), needed(given, "style"))


def _fits(length: int) -> None:
    if length > MOST:
        raise refuse(f"the result could have more than {MOST} characters")


_DONE: Final[Mapping[str, Callable[[dict[str, Json]], Json]]] = {
    "upper": _upper,
    "lower": _lower,
    "trim": _trim,
    "split": _split,
    "join": _join,
    "replace": _replace,
    "slug": _slug,
    "truncate": _truncate,
    "pad": _pad,
    "case": _case,
}


def done(given: dict[str, Json]) -> dict[str, Json]:
    """Return the changed text as the output."""
    return {"result": _DONE[given["op"]](given)}


run: Final = in_place(done)
