"""What is sent: one of body, json, form and files as bytes, with the type that fits."""

import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Mapping, Sequence
from typing import Final, cast
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from mainspring.domain.message import Json
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.texts import as_bytes, as_json, written

_TYPE: Final = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}(?:;[ -~]{0,200})?", re.ASCII)
_JSON: Final = "application/json"

Sent = tuple[bytes | None, str]
"""Bytes and their content type; ("" where there is nothing to say)."""


def sent(given: Mapping[str, Json], boundary: str) -> Sent:
    """Return what an input sends; raise a final `PluginFailed` when it says two things."""
    said = [name for name in ("body", "json", "form") if given.get(name) is not None]
    if "files" in given:
        said = ["files", *(name for name in said if name != "form")]
    if len(said) > 1:
        raise bad(said[1], f"cannot be sent together with {said[0]}")
    match said:
        case ["files"]:
            return _multipart(given.get("form") or {}, given["files"], boundary)
        case ["form"]:
            return pairs(given["form"]).encode(), "application/x-www-form-urlencoded"
        case ["json"]:
            return as_json(given["json"]), _JSON
        case ["body"] if isinstance(given["body"], str):
            return as_bytes(given["body"], "body"), "text/plain; charset=utf-8"
        case ["body"]:
            return as_json(given["body"]), _JSON
        case _:
            return None, ""


def pairs(values: Mapping[str, Json]) -> str:
    """Return values as a query says them: a list's name again for each item, null not at all."""
    said: list[tuple[str, str]] = []
    for name, value in values.items():
        several = cast("list[Json]", value) if isinstance(value, list) else [value]
        said += ((name, _word(each)) for each in several if each is not None)
    try:
        return urlencode(said)
    except UnicodeEncodeError:
        raise bad("query", "holds half a character") from None


def _word(value: Json) -> str:
    return written(value)  # true and false are the words of JSON


def with_query(url: str, values: Mapping[str, Json]) -> str:
    """Return a URL whose query says these values too."""
    more = pairs(values)
    if not more:
        return url
    try:
        split = urlsplit(url)
    except ValueError:
        raise bad("url", "is no URL") from None
    return urlunsplit(split._replace(query=f"{split.query}&{more}" if split.query else more))


def _multipart(form: Mapping[str, Json], files: Sequence[Json], boundary: str) -> Sent:
    parts = [_part(f'name="{_quoted(name)}"', "", written(each)) for name, each in form.items()]
    parts += [_file(file, f"files.{at}") for at, file in enumerate(files)]
    line = f"--{boundary}\r\n".encode()
    body = b"".join(line + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def _file(file: Mapping[str, Json], place: str) -> bytes:
    kind = file.get("contentType", "application/octet-stream")
    if not _TYPE.fullmatch(kind):
        raise bad(f"{place}.contentType", "is no media type")
    try:
        content = b64decode(file["content"], validate=True)
    except (NoBase64, ValueError):
        raise bad(f"{place}.content", "is no base64") from None
    about = f'name="{_quoted(file["name"])}"; filename="{_quoted(file.get("filename", "file"))}"'
    return _part(about, kind, content)


def _part(about: str, kind: str, content: str | bytes) -> bytes:
    head = f"Content-Disposition: form-data; {about}\r\n"
    if kind:
        head += f"Content-Type: {kind}\r\n"
    data = content if isinstance(content, bytes) else as_bytes(content, "form")
    return as_bytes(head, "files") + b"\r\n" + data


def _quoted(name: str) -> str:
    """Return a name that ends neither its quotes nor its line."""
    return re.sub(r'["\r\n]', lambda found: quote(found[0]), name)
