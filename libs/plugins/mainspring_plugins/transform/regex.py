"""Regular expressions over a text, without catastrophic backtracking: the engine is RE2."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse, too_large
from mainspring_plugins.support.patterns import FLAGS, Found, compiled, filled, template
from mainspring_plugins.support.schema import anything, choice, closed, gives, named, several, text
from mainspring_plugins.support.working import apart

MATCH = closed(
    {
        "text": text("What matched."),
        "start": {"type": "integer", "description": "Where it begins, in characters from 0."},
        "end": {"type": "integer", "description": "Where it ends."},
        "groups": several("Its groups in order; null for one that took no part."),
        "named": named("Its groups that have names."),
    },
    "text",
    "start",
    "end",
    "groups",
    "named",
)
MANIFEST = Manifest(
    id="transform.regex",
    name="Regular expression",
    category="Transforms",
    description="Matches, finds, replaces or splits by a regular expression (RE2 syntax).",
    input=closed(
        {
            "op": choice(
                "What to do: match is the first match anywhere in the text.",
                *("match", "findAll", "replace", "split", "test"),
                default="match",
            ),
            "pattern": text("The pattern; RE2 has no look-around and no back-references."),
            "flags": text(
                "i: case does not count. m: ^ and $ at each line. s: the dot takes line ends.",
                pattern=FLAGS,
                default="",
            ),
            "text": text("The text to work on."),
            "replacement": text(r"What replace puts in; \1 and \g<name> are groups.", default=""),
            "limit": {
                "type": "integer",
                "description": "The most matches to find, replace or split at; 0 is all.",
                "minimum": 0,
                "default": 0,
            },
            "timeout": {
                "type": "number",
                "description": "Seconds that it may take.",
                "exclusiveMinimum": 0,
                "maximum": 60,
                "default": 10,
            },
        },
        "pattern",
        "text",
    ),
    output=gives(
        {
            "result": anything(
                "test: whether it matches. match: the text that matched, or null. "
                "findAll, split: a list of texts. replace: the new text."
            ),
            "matches": several("match and findAll: each match.", MATCH),
            "groups": several("match: the groups of the first match."),
        }
    ),
    examples=(
        {
            "input": {
                "op": "replace",
                "pattern": r"(\w+)@(\w+)",
                "text": "a@b",
                "replacement": r"\2",
            },
            "output": {"result": "b", "matches": [], "groups": []},
        },
        {
            "input": {"op": "split", "pattern": r"\s*,\s*", "text": "a , b,c"},
            "output": {"result": ["a", "b", "c"], "matches": [], "groups": []},
        },
    ),
)
MOST_MATCHES: Final = 100_000


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return what the operation finds."""
    pattern, subject = compiled(given["pattern"], given.get("flags", "")), given["text"]
    limit = int(given.get("limit", 0))
    match given.get("op", "match"):
        case "test":
            return _answer(pattern.search(_whole(subject)) is not None)
        case "replace":
            return _answer(_replaced(pattern, subject, given.get("replacement", ""), limit))
        case "split":
            return _answer(_split(pattern, subject, limit))
        case "findAll":
            found = [_described(each, pattern) for each in _matches(pattern, subject, limit)]
            return _answer([each["text"] for each in found], found)
        case _:
            found = [_described(each, pattern) for each in _matches(pattern, subject, 1)]
            return _answer(found[0]["text"] if found else None, found, first=True)


def _answer(result: Json, matches: list[Json] | None = None, *, first: bool = False) -> Json:
    found = matches or []
    return {
        "result": result,
        "matches": found,
        "groups": found[0]["groups"] if first and found else [],
    }


def _whole(subject: str) -> str:
    """Return the text itself; raise `PluginFailed` where it holds half a character."""
    try:
        subject.encode()
    except UnicodeEncodeError as error:
        raise refuse(f"text: character {error.start + 1} is half a character") from None
    return subject


def _matches(pattern: Any, subject: str, limit: int) -> Iterator[Found]:  # noqa: ANN401
    found = pattern.finditer(_whole(subject))
    if limit:
        found = islice(found, min(limit, MOST_MATCHES + 1))  # JSON has larger numbers than it takes
    for count, each in enumerate(found, 1):
        if count > MOST_MATCHES:
            raise too_large(f"the pattern matches more than {MOST_MATCHES} times")
        yield each


def _described(match: Found, pattern: Any) -> dict[str, Json]:  # noqa: ANN401
    return {
        "text": match.group(),
        "start": match.start(),
        "end": match.end(),
        "groups": list(match.groups()),
        "named": {name: match.group(index) for name, index in pattern.groupindex.items()},
    }


def _replaced(pattern: Any, subject: str, replacement: str, limit: int) -> str:  # noqa: ANN401
    parts = template(replacement, pattern)
    pieces: list[str] = []
    end = 0
    for each in _matches(pattern, subject, limit):
        pieces += (subject[end : each.start()], filled(parts, each))
        end = each.end()
    return "".join([*pieces, subject[end:]])


def _split(pattern: Any, subject: str, limit: int) -> list[str]:  # noqa: ANN401
    pieces: list[str] = []
    end = 0
    for each in _matches(pattern, subject, limit):
        pieces.append(subject[end : each.start()])
        end = each.end()
    return [*pieces, subject[end:]]


run = apart(work)
