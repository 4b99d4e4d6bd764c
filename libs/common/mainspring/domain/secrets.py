"""What counts as a secret in an HTTP call, and where it stands.

Two rules: the value of a header or a URL parameter whose name speaks of a secret is one, and so is,
wherever else it turns up, such a value that stands in the definition itself.  A value that
came from a payload or an answer is data: a later step may need it, so it is kept where it is data.
Guessing at values by their look lost: it masks what is none, and misses what is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

from mainspring.domain.message import Json

MASK: Final = "[hidden]"

SHORTEST: Final = 8
"""Characters of a value below which masking it wherever it stands would hide ordinary words."""

HEADERS: Final = frozenset(
    {
        "authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "proxy-authorization",
        "x-auth-token",
        "x-access-token",
        "x-csrf-token",
        "x-amz-security-token",
        "x-secret",
        "x-callback-token",
        "x-vault-token",
        "authentication-info",
        "proxy-authentication-info",
    }
)
"""Names, in lower case, of headers whose values are secrets."""

_PARAMETER: Final = re.compile(
    r"(?i)([?&;](?:[^=&;#]*(?:token|secret|passw(?:or)?d|api[-_.]?key|signature|credential)[^=&;#]*"
    r"|key|sig|auth|code|pwd)=)([^&;#]+)"
)
_TELLING: Final = re.compile(r"token$|secret|passw(or)?d|api[-_.]?key|private[-_.]?key|credential")
_WHOLE: Final = frozenset({"secret", "yaml"})
"""Members of a document that are shown of no value: a text of YAML may have a secret anywhere."""
_USERINFO: Final = re.compile(r"(?<=//)[^/?#]*@")


def masked_url(text: str) -> str:
    """Return a URL without userinfo and without the values of telling parameters."""
    if "?" in text:
        text = _PARAMETER.sub(rf"\1{MASK}", text)
    return _USERINFO.sub(f"{MASK}@", text, count=1) if "@" in text else text


def masked_headers(given: dict[str, str]) -> dict[str, str]:
    """Return headers, whose names are in lower case, without the values of telling ones."""
    if HEADERS.isdisjoint(given):
        return given
    return {name: MASK if name in HEADERS else value for name, value in given.items()}


def literals(url: str, headers: Mapping[str, str]) -> frozenset[str]:
    """Return the secrets that stand in the templates of a call as they are."""
    found: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if lower in HEADERS and "{{" not in value:
            found.update(_parts(lower, value))
    if "?" in url:
        found.update(value for _, value in _PARAMETER.findall(url) if "{{" not in value)
    return frozenset(value for value in found if len(value) >= SHORTEST)


def literals_in(template: Json) -> frozenset[str]:
    """Return the secrets that stand in the template of a plugin's input as they are."""
    return frozenset(value for value in _literal_values(template) if len(value) >= SHORTEST)


def _literal_values(template: Json) -> Iterator[str]:
    if isinstance(template, list):
        for each in cast("list[Json]", template):
            yield from _literal_values(each)
    elif isinstance(template, dict):
        for name, value in cast("dict[str, Json]", template).items():
            lower = name.lower()
            if not isinstance(value, str):
                yield from _literal_values(value)
            elif "{{" in value:
                continue
            elif lower in HEADERS or _TELLING.search(lower):
                yield from _parts(lower, value)
            elif "?" in value:
                yield from (found for _, found in _PARAMETER.findall(value))


def _parts(name: str, value: str) -> list[str]:
    """Return a header's value, and those parts of it that are secrets by themselves."""
    value = value.strip()
    if name.endswith("authorization"):
        return [value, value.partition(" ")[2].strip()]
    if name.endswith("cookie"):
        return [value, *(pair.partition("=")[2].strip() for pair in value.split(";"))]
    return [value]


def without(text: str, secrets: frozenset[str]) -> str:
    """Return a text with all secrets masked; the longest first, for one may contain another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def masked(source: Json) -> Json:
    """Return a document, such as a definition's source, without the secrets of its calls."""
    if isinstance(source, dict):
        entries = cast("dict[str, Json]", source)
        return {name: _masked_value(name, value) for name, value in entries.items()}
    if isinstance(source, list):
        return [masked(each) for each in cast("list[Json]", source)]
    return source


def _masked_value(name: str, value: Json) -> Json:
    lower = name.lower()
    if lower in HEADERS and not _is_template(value):
        return MASK
    if lower in _WHOLE and isinstance(value, str) and not _is_template(value):
        return MASK
    if lower == "plugin":
        return _masked_input(value)
    return masked_url(value) if lower == "url" and isinstance(value, str) else masked(value)


def _masked_input(value: Json) -> Json:
    """Return a plugin's call without the secrets that stand in its input as they are."""
    secrets = literals_in(value)
    return masked(_without(value, secrets) if secrets else value)


def _without(value: Json, secrets: frozenset[str]) -> Json:
    if isinstance(value, str):
        return without(value, secrets)
    if isinstance(value, list):
        return [_without(each, secrets) for each in cast("list[Json]", value)]
    if isinstance(value, dict):
        entries = cast("dict[str, Json]", value).items()
        return {name: _without(each, secrets) for name, each in entries}
    return value


def _is_template(value: Json) -> bool:
    text = cast("dict[str, Json]", value).get("value") if isinstance(value, dict) else value
    return isinstance(text, str) and text.startswith("{{") and text.endswith("}}")
