"""A flow's text with some of its values changed, and all the rest left as it was written.

Writing the YAML anew from its values, the rival, would lose comments and layout.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

_SECRET: Final = {"key": "null", "secret": '"********"'}
"""What stands in the place of a secret: another key is made, and nobody is let in by no secret."""

_CREDENTIAL: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a text whose members (`name`, `namespace`) have other values, if it has them."""
    cuts = [
        (value.start_mark.index, value.end_mark.index, names[key.value])
        for key, value in _members(_root(text))
        if key.value in names and isinstance(value, yaml.ScalarNode)
    ]
    return _cut(text, cuts)


def without_secrets(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text whose triggers tell no secret, and the places where one stood."""
    cuts: list[tuple[int, int, str]] = []
    places: list[str] = []
    for place, value in _secrets(_root(text)):
        put = _SECRET[place.rpartition(".")[2]]
        cuts.append((value.start_mark.index, value.end_mark.index, put))
        places.append(place)
    return _cut(text, cuts), tuple(places)


def credentials_in(text: str) -> tuple[str, ...]:
    """Return the names of the credentials that a text refers to, each once."""
    return tuple(sorted(set(_CREDENTIAL.findall(text.replace("$${", "")))))


def _root(text: str) -> Any:  # noqa: ANN401 - a node of the parser
    return yaml.compose(text, _LOADER)


def _members(node: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401
    found: list[tuple[Any, Any]] = node.value if isinstance(node, yaml.MappingNode) else []
    return found


def _secrets(root: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    listed = next((value for key, value in _members(root) if key.value == "triggers"), None)
    items: list[Any] = listed.value if isinstance(listed, yaml.SequenceNode) else []
    for index, one in enumerate(items):
        parts = {key.value: value for key, value in _members(one)}
        inner = _members(parts.get("config"))
        signed = [
            (f"{place}hmac.", _members(value))
            for place, members in (("", _members(one)), ("config.", inner))
            for key, value in members
            if key.value == "hmac"
        ]
        for place, members in (("", _members(one)), ("config.", inner), *signed):
            for key, value in members:
                is_secret = key.value in _SECRET and isinstance(value, yaml.ScalarNode)
                if is_secret and value.value and not _CREDENTIAL.fullmatch(value.value):
                    yield f"triggers[{index}].{place}{key.value}", value


def _cut(text: str, cuts: list[tuple[int, int, str]]) -> str:
    for start, end, put in sorted(set(cuts), reverse=True):
        text = text[:start] + put + text[end:]
    return text
