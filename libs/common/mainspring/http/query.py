"""The query of a request as plain names and texts."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid
from mainspring.http.faults import shown

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What no name has in it, and what PostgreSQL partly cannot store."""


def query_of(request: Request) -> dict[str, str]:
    """Return the query's parameters, of each name the last; raise `DefinitionInvalid`."""
    found = dict(request.query_params)
    wrong = [name for name, text in found.items() if CONTROL.search(name + text)]
    if wrong:
        raise DefinitionInvalid([f"{shown(name)}: has control characters in it" for name in wrong])
    return found


def flag_of(query: Mapping[str, str], name: str) -> bool:
    """Return a parameter that is true or false, and false where it is not there.

    Raises `DefinitionInvalid`.
    """
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise DefinitionInvalid([f"{name}: must be true or false"])
    return text == "true"


def labels_of(query: Mapping[str, str]) -> tuple[tuple[str, str | None], ...]:
    """Return the labels that a list is narrowed to: `labels=team:shop,tier`, None for any value.

    Raises `DefinitionInvalid`.
    """
    labels: list[tuple[str, str | None]] = []
    for one in query.get("labels", "").split(","):
        name, given, value = one.replace("=", ":", 1).partition(":")
        if name.strip():
            labels.append((name.strip(), value.strip() if given else None))
        elif one.strip():
            raise DefinitionInvalid([f"labels: {shown(one)} has no name"])
    return tuple(labels)


def tag_of(query: Mapping[str, str]) -> tuple[str, str | None] | None:
    """Return the tag that a list is narrowed to; a value of None stands for any."""
    key, value = query.get("tag_key"), query.get("tag_value")
    if key is None and value is not None:
        raise DefinitionInvalid(["tag_value: needs a tag_key"])
    return None if key is None else (key, value)
