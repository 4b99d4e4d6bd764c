"""transform.compress: what was packed comes back; bombs, links and sly names are refused."""

import base64
import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.plugin import PluginFailed
from mainspring.testing.plugin_calls import done, refused

MANY = ["zip", "tar", "tar.gz"]


def written(data: bytes) -> str:
    return base64.b64encode(data).decode()


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = 0) -> str:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return written(out.getvalue())


def tarred(*infos: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    return out.getvalue()


@given(
    contents=st.dictionaries(
        st.text("aé/_. ", min_size=1, max_size=9).filter(
            lambda name: all(part not in ("", ".", "..") for part in name.split("/"))
        ),
        st.binary(max_size=50),
        max_size=4,
    ),
    form=st.sampled_from(MANY),
)
async def test_what_was_packed_comes_back(contents: dict[str, bytes], form: str) -> None:
    files = [
        {"name": name, "data": written(data), "encoding": "base64"}
        for name, data in contents.items()
    ]
    packed = await done("transform.compress", op="create", format=form, files=files)
    again = await done("transform.compress", op="create", format=form, files=files)
    assert packed == again
    back = await done("transform.compress", op="extract", format=form, **packed)
    assert {each["name"]: base64.b64decode(each["data"]) for each in back["files"]} == contents


async def test_gzip_holds_one_file_and_takes_several_members() -> None:
    packed = await done(
        "transform.compress", op="create", format="gzip", files=[{"name": "a", "data": "hé"}]
    )
    assert gzip.decompress(base64.b64decode(packed["data"])).decode() == "hé"
    data = written(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 9)
    found = await done(
        "transform.compress", op="extract", format="gzip", data=data, encoding="utf-8"
    )
    assert found["files"] == [{"name": "data", "size": 7, "data": "one two"}]


async def test_list_tells_names_and_sizes_and_leaves_folders_out() -> None:
    data = zipped(("d/", b""), ("d/a.txt", b"abc"))
    found = await done("transform.compress", op="list", data=data)
    assert found["files"] == [{"name": "d/a.txt", "size": 3}]


BOMB = gzip.compress(b"\0" * (20 << 20))


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("gzip", written(BOMB)),
        ("tar.gz", written(BOMB)),
        ("zip", zipped(("a", b"\0" * (3 << 20)), method=zipfile.ZIP_DEFLATED)),
        ("tar", written(tarred(*[tarfile.TarInfo("big")]))),
    ],
)
async def test_bombs_are_refused_while_they_unpack(form: str, data: str) -> None:
    call: Json = {"op": "extract", "format": form, "data": data, "maxBytes": 1 << 20}
    if form == "tar":
        info = tarfile.TarInfo("big")
        info.size = 2 << 20
        call["data"] = written(tarred(info))
    said = await refused("transform.compress", **call)
    assert said.startswith("data: the archive unpacks to more than ")


async def test_an_archive_may_not_unpack_to_many_times_its_size() -> None:
    call: Json = {"op": "list", "format": "gzip", "data": written(BOMB), "maxBytes": 64 << 20}
    said = await refused("transform.compress", **call)
    assert said == f"data: the archive unpacks to more than {len(BOMB) * 100} bytes"
    found = await done("transform.compress", maxRatio=2_000, **call)
    assert found["files"][0]["size"] == 20 << 20


async def test_the_number_of_files_is_bounded() -> None:
    entries = [(f"{at}", b"") for at in range(5)]
    said = await refused("transform.compress", op="list", data=zipped(*entries), maxFiles=4)
    assert said == "data: the archive has more than 4 files"
    tar = written(tarred(*[tarfile.TarInfo(name) for name, _ in entries]))
    said = await refused("transform.compress", op="list", format="tar", data=tar, maxFiles=4)
    assert said == "data: the archive has more than 4 files"


SLY = ["/etc/passwd", "../a", "a/../../b", "a//b", "./a/./b", "c:/x", "a\\b", "a\nb"]


@pytest.mark.parametrize("name", SLY)
async def test_names_that_lead_elsewhere_are_refused_both_ways(name: str) -> None:
    said = await refused("transform.compress", op="create", files=[{"name": name, "data": ""}])
    assert said.startswith("files[0].name: ")
    said = await refused("transform.compress", op="list", data=zipped(("ok", b""), (name, b"")))
    assert said.startswith("entry 2: ")
    if name != "./a/./b":  # what tar itself writes before each name is forgiven
        tar = written(tarred(tarfile.TarInfo(name)))
        said = await refused("transform.compress", op="extract", format="tar", data=tar)
        assert said.startswith("entry 1: ")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
async def test_links_and_devices_in_tar_are_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.linkname = kind, "/etc/passwd"
    call: Json = {"op": "extract", "format": "tar", "data": written(tarred(info))}
    assert await refused("transform.compress", **call) == "entry 1: 'a' is a link or a device"


async def test_links_and_unknown_methods_in_zip_are_refused() -> None:
    link = zipfile.ZipInfo("a")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    said = await refused("transform.compress", op="extract", data=zipped((link, b"/etc/passwd")))
    assert said == "entry 1: 'a' is a link or a device"
    said = await refused("transform.compress", op="list", data=zipped(("a", b""), method=14))
    assert said == "entry 1: 'a' is packed in an unknown way"


@given(data=st.binary(max_size=200), form=st.sampled_from(["zip", "tar", "tar.gz", "gzip"]))
async def test_what_is_no_archive_is_refused(data: bytes, form: str) -> None:
    if form == "tar" and (not data.strip(b"\0")):
        return  # nothing but zeros is an empty tar
    said = await refused("transform.compress", op="extract", format=form, data=written(data))
    assert said.startswith("data: no whole ")


@given(cut=st.integers(1, 60), at=st.integers(0, 200), put=st.integers(0, 255))
async def test_a_damaged_archive_never_gives_other_contents_in_silence(
    cut: int, at: int, put: int
) -> None:
    whole = base64.b64decode(zipped(("name", b"content" * 9), method=zipfile.ZIP_DEFLATED))
    for damaged in (
        whole[:-cut],
        whole[: at % len(whole)] + bytes([put]) + whole[at % len(whole) :],
    ):
        call: Json = {"op": "extract", "data": written(damaged), "encoding": "utf-8"}
        try:
            found = await done("transform.compress", **call)
        except PluginFailed:
            continue
        assert all(each["data"] == "content" * 9 for each in found["files"])


async def test_what_is_missing_is_told() -> None:
    assert await refused("transform.compress", op="create") == "files: create needs the files"
    assert await refused("transform.compress", op="list") == "data: list needs the archive"
    said = await refused("transform.compress", op="create", format="gzip", files=[])
    assert said == "files: gzip holds one file, not 0"
    twice = [{"name": "a", "data": ""}, {"name": "a", "data": ""}]
    said = await refused("transform.compress", op="create", files=twice)
    assert said == "files[1].name: 'a' is there twice"
    bad = [{"name": "a", "data": "?", "encoding": "base64"}]
    said = await refused("transform.compress", op="create", files=bad)
    assert said == "files[0].data is no base64"
