"""Digests and keyed digests (HMAC).  Values other than texts are hashed as JSON, names in order."""

import hashlib
import hmac
import zlib
from typing import Final

import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.plainbytes import bytes_of, text_of
from mainspring_plugins.support.schema import anything, choice, closed, gives, text
from mainspring_plugins.support.working import in_place

ALGORITHMS: Final = {
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "sha3-256": "sha3_256",
    "sha3-512": "sha3_512",
    "blake2b": "blake2b",
}
MANIFEST = Manifest(
    id="transform.hash",
    name="Hash",
    category="Transforms",
    description="Computes a digest of the data, or with a key an HMAC.",
    input=closed(
        {
            "data": anything("A text, or any value, which is hashed as JSON with sorted names."),
            "algorithm": choice("The digest.", *ALGORITHMS, "crc32", default="sha256"),
            "key": text("The secret of an HMAC."),
            "inputEncoding": choice(
                "What a text of data stands for.", "utf-8", "hex", "base64", default="utf-8"
            ),
            "encoding": choice("How the digest is written.", "hex", "base64", default="hex"),
        },
        "data",
    ),
    output=gives({"hash": text("The digest.")}),
    examples=(
        {
            "input": {"data": "abc", "algorithm": "md5"},
            "output": {"hash": "900150983cd24fb0d6963f7d28e17f72"},
        },
        {"input": {"data": "123456789", "algorithm": "crc32"}, "output": {"hash": "cbf43926"}},
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the digest."""
    digest = _digest(_bytes(given), given.get("algorithm", "sha256"), given.get("key"))
    return {"hash": text_of(digest, given.get("encoding", "hex"))}


def _bytes(given: dict[str, Json]) -> bytes:
    data = given["data"]
    if isinstance(data, str):
        return bytes_of(data, given.get("inputEncoding", "utf-8"))
    return msgspec.json.encode(data, order="deterministic")


def _digest(data: bytes, algorithm: str, key: str | None) -> bytes:
    if algorithm == "crc32":
        if key is not None:
            raise refuse("crc32 takes no key")
        return zlib.crc32(data).to_bytes(4, "big")
    if key is None:
        return hashlib.new(ALGORITHMS[algorithm], data, usedforsecurity=False).digest()
    return hmac.new(key.encode(), data, ALGORITHMS[algorithm]).digest()


run = in_place(work)
