"""Whether an answer is one that the OpenAPI document tells of: its status, its type, its body.

The document is made from the same tables as the routes, so this holds the handlers to the tables.
"""

import re
from functools import cache
from typing import Any, Final

import jsonschema_rs
import msgspec

from mainspring_api.app import DOCUMENTED
from mainspring_api.openapi import document

Json = dict[str, Any]
_GREEDY: Final = ("/hooks/{path}",)
"""Paths whose last parameter may have slashes in it."""


@cache
def _document() -> Json:
    return msgspec.json.decode(msgspec.json.encode(document(DOCUMENTED)))


@cache
def _paths() -> list[tuple[re.Pattern[str], Json]]:
    """Return what matches each path, the fixed ones first."""

    def pattern(path: str) -> re.Pattern[str]:
        part = ".+" if path in _GREEDY else "[^/]+"
        return re.compile(re.sub(r"\\\{\w+\\\}", part, re.escape(path)))

    paths: Json = _document()["paths"]
    ordered = sorted(paths, key=lambda path: [part.startswith("{") for part in path.split("/")])
    return [(pattern(path), paths[path]) for path in ordered]


@cache
def _validator(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    whole = {**msgspec.json.decode(schema), "components": _document()["components"]}
    return jsonschema_rs.Draft202012Validator(whole)


def documented(method: str, path: str) -> bool:
    """Say whether the document has an operation, by its path as it is sent."""
    found = (each for pattern, each in _paths() if pattern.fullmatch(path))
    return method.lower() in next(found, Json())


def misfit(method: str, path: str, status: int, kind: str, body: bytes | None) -> str:
    """Return what the document does not tell of an answer; "" when it fits.

    `path` is as it was sent.  A body of None was not looked at.
    """
    found = (each for pattern, each in _paths() if pattern.fullmatch(path))
    operation = next(found, Json()).get(method.lower())
    if operation is None:
        return ""
    answer = operation["responses"].get(str(status))
    if answer is None:
        return f"{status} is not documented"
    content = answer.get("content", {})
    if not content:
        return "" if not body else f"{status} has a body"
    named = kind.partition(";")[0]
    if named not in content:
        return f"{status} is {named or 'of no type'}, and not {', '.join(content)}"
    if named != "application/json" or body is None:
        return ""
    schema = msgspec.json.encode(content[named]["schema"], order="sorted")
    faults = _validator(schema).iter_errors(msgspec.json.decode(body))
    told = [f"{'.'.join(map(str, each.instance_path))}: {each.message}" for each in faults]
    return f"{status}: {'; '.join(told)[:2000]}" if told else ""
