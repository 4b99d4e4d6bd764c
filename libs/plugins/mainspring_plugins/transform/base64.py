"""Writes text as base64 and reads it back, strictly: what is no base64 is told with its place."""

import base64
import binascii
import re
from typing import Final

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.plainbytes import bytes_of, text_of
from mainspring_plugins.support.schema import choice, closed, flag, gives, text
from mainspring_plugins.support.working import in_place

MANIFEST = Manifest(
    id="transform.base64",
    name="Base64",
    category="Transforms",
    description="Encodes a text as base64, or decodes base64 into a text.",
    input=closed(
        {
            "op": choice("What to do.", "encode", "decode"),
            "data": text("The text to encode, or the base64 to decode."),
            "urlSafe": flag("Use - and _ in place of + and /, and no padding.", default=False),
            "encoding": choice(
                "How the plain side is written.", "utf-8", "hex", "latin-1", default="utf-8"
            ),
        },
        "op",
        "data",
    ),
    output=gives({"result": text("The base64, or the decoded text.")}),
    examples=(
        {"input": {"op": "encode", "data": "hé?"}, "output": {"result": "aMOpPw=="}},
        {"input": {"op": "decode", "data": "aMOpPw"}, "output": {"result": "hé?"}},
    ),
)
STRANGE: Final = re.compile(r"[^A-Za-z0-9+/]")


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the other form."""
    encoding, is_url_safe = given.get("encoding", "utf-8"), given.get("urlSafe", False)
    if given["op"] == "decode":
        return {"result": text_of(_decoded(given["data"], is_url_safe=is_url_safe), encoding)}
    encoded = base64.b64encode(bytes_of(given["data"], encoding)).decode()
    if is_url_safe:
        encoded = encoded.translate(str.maketrans("+/", "-_")).rstrip("=")
    return {"result": encoded}


def _decoded(data: str, *, is_url_safe: bool) -> bytes:
    """Return the bytes; spaces, line ends and missing padding are forgiven, nothing else is."""
    bare = "".join(data.split()).rstrip("=")
    if is_url_safe:
        bare = bare.translate(str.maketrans("-_", "+/"))
    strange = STRANGE.search(bare)
    if strange:
        raise refuse(f"data: character {strange.start() + 1} ({strange[0]!r}) is no base64")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        raise refuse(f"data: {len(bare)} characters are no whole base64") from None


run = in_place(work)
