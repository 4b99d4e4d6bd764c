"""Packs files into gzip, zip or tar, and takes such archives apart: in memory, within bounds.

Nothing is ever written to a disk.  Sizes are counted while bytes come out, never believed from a
header; names that lead elsewhere (absolute, `..`, drives), links and devices refuse the archive.
"""

from mainspring.domain.message import Json
from mainspring.plugin import Manifest
from mainspring_plugins.formats.archive_create import create
from mainspring_plugins.formats.archive_read import Limits, Member, members
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.plainbytes import bytes_of, text_of
from mainspring_plugins.support.schema import choice, closed, gives, several, text, whole
from mainspring_plugins.support.working import apart

FORMATS = ("gzip", "zip", "tar", "tar.gz")
FILE = closed(
    {
        "name": text("The file's name, with / between folders.", minLength=1, maxLength=1000),
        "data": text("Its content."),
        "encoding": choice(
            "How the content is written.", "utf-8", "base64", "hex", default="utf-8"
        ),
    },
    "name",
    "data",
)
LISTED = closed(
    {
        "name": text("The file's name."),
        "size": whole("Its bytes, unpacked."),
        "data": text("extract: its content, in the encoding that was asked for."),
    },
    "name",
    "size",
)
MANIFEST = Manifest(
    id="transform.compress",
    name="Compress",
    category="Transforms",
    description="Creates gzip, zip and tar archives, lists them, and extracts their files.",
    input=closed(
        {
            "op": choice("What to do.", "create", "extract", "list"),
            "format": choice("The kind of archive.", *FORMATS, default="zip"),
            "data": text("extract and list: the archive, as base64."),
            "files": several("create: the files; gzip takes one.", FILE),
            "encoding": choice(
                "extract: how contents are written.", "base64", "utf-8", "hex", default="base64"
            ),
            "maxBytes": whole(
                "The most bytes that all files may have, unpacked.",
                minimum=1,
                maximum=64 << 20,
                default=16 << 20,
            ),
            "maxFiles": whole(
                "The most files of an archive.", minimum=1, maximum=10_000, default=1_000
            ),
            "maxRatio": whole(
                "How many times its own size an archive may unpack to, beyond the first mebibyte.",
                minimum=1,
                maximum=10_000,
                default=100,
            ),
        },
        "op",
    ),
    output=gives(
        {
            "data": text("create: the archive, as base64."),
            "files": several("extract and list: the files, in the order of the archive.", LISTED),
        },
        sometimes=(
            "data",
            "files",
        ),
    ),
    examples=(
        {
            "input": {
                "op": "extract",
                "format": "gzip",
                "data": "H4sIAAAAAAAC/8tIzcnJBwCGphA2BQAAAA==",
                "encoding": "utf-8",
            },
            "output": {"files": [{"name": "data", "size": 5, "data": "hello"}]},
        },
    ),
)


def work(given: dict[str, Json]) -> dict[str, Json]:
    """Return the archive, or the files."""
    kind = given.get("format", "zip")
    limits = Limits(
        int(given.get("maxBytes", 16 << 20)),
        int(given.get("maxFiles", 1_000)),
        int(given.get("maxRatio", 100)),
    )
    if given["op"] == "create":
        if "files" not in given:
            raise refuse("files: create needs the files")
        return {"data": text_of(create(kind, _files(given["files"]), limits), "base64")}
    if "data" not in given:
        raise refuse(f"data: {given['op']} needs the archive")
    found = members(kind, bytes_of(given["data"], "base64"), limits)
    encoding = given.get("encoding", "base64") if given["op"] == "extract" else None
    return {"files": [_listed(each, encoding) for each in found]}


def _files(files: list[dict[str, str]]) -> list[Member]:
    return [
        Member(
            each["name"],
            bytes_of(each["data"], each.get("encoding", "utf-8"), f"files[{at}].data"),
        )
        for at, each in enumerate(files)
    ]


def _listed(member: Member, encoding: str | None) -> dict[str, Json]:
    listed: dict[str, Json] = {"name": member.name, "size": len(member.data)}
    if encoding is not None:
        listed["data"] = text_of(member.data, encoding, member.name)
    return listed


run = apart(work, seconds=20)
