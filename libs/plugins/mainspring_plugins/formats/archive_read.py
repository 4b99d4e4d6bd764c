"""Takes archives apart in memory; what they claim is never believed, only what comes out counts."""

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from mainspring_plugins.formats.archive_names import check_name
from mainspring_plugins.support.failures import refuse, too_large

PIECE: Final = 64 << 10
FREE: Final = 1 << 20
TAR_OVERHEAD: Final = 2_048
BROKEN: Final = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,  # dates, numbers and names that are none, Unicode among them
    OverflowError,
    OSError,
    IndexError,
    KeyError,
    RuntimeError,
    NotImplementedError,  # a method of packing that the module has not
)


class Limits(msgspec.Struct, frozen=True):
    """How much an archive may hold: bytes in all, files, and bytes for each of its own."""

    bytes: int
    files: int
    ratio: int

    def most(self, packed: int) -> int:
        """Return the bytes that an archive of this size may unpack to."""
        return min(self.bytes, max(packed * self.ratio, FREE))


class Member(msgspec.Struct, frozen=True):
    """One file of an archive."""

    name: str
    data: bytes


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Budget:
    """What may still come out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most

    def read(self, source: _Readable) -> bytes:
        """Return all bytes of a source; raise `PluginFailed` as soon as they are too many."""
        found = bytearray()
        while piece := source.read(PIECE):
            self.spend(len(piece))
            found += piece
        return bytes(found)

    def spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise too_large(f"data: the archive unpacks to more than {self._most} bytes")


def members(kind: str, data: bytes, limits: Limits) -> list[Member]:
    """Return the files of an archive; raise `PluginFailed` for what is broken, large or sly."""
    try:
        return _READERS[kind](data, limits)
    except BROKEN as error:
        said = str(error) or type(error).__name__
        raise refuse(f"data: no whole {kind}: {said[:200]}") from None


def _gzip(data: bytes, limits: Limits) -> list[Member]:
    return [Member("data", _gunzipped(data, limits.most(len(data))))]


def _gunzipped(data: bytes, most: int) -> bytes:
    """Return what all members of a gzip stream hold; zeros behind the last one are padding."""
    budget, found, rest = _Budget(most), bytearray(), data
    while True:
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            piece = stream.decompress(rest, PIECE)
            rest = stream.unconsumed_tail
            budget.spend(len(piece))
            found += piece
            if not piece and not rest and not stream.eof:
                raise EOFError("it ends too early")
        rest = stream.unused_data.lstrip(b"\0")
        if not rest:
            return bytes(found)


def _zip(data: bytes, limits: Limits) -> list[Member]:
    budget, seen = _Budget(limits.most(len(data))), set[str]()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        if len(infos) > limits.files:
            raise too_large(f"data: the archive has more than {limits.files} files")
        found: list[Member] = []
        for at, info in enumerate(infos):
            check_name(info.filename.removesuffix("/"), f"entry {at + 1}", seen)
            _check_zip(info, at)
            if not info.is_dir():
                with archive.open(info) as source:
                    found.append(Member(info.filename, budget.read(source)))
    return found


def _check_zip(info: zipfile.ZipInfo, at: int) -> None:
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refuse(f"entry {at + 1}: {info.filename[:100]!r} is a link or a device")
    if info.flag_bits & 0x1:
        raise refuse(f"entry {at + 1}: {info.filename[:100]!r} is encrypted")
    # Others may ask for a dictionary larger than all memory.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refuse(f"entry {at + 1}: {info.filename[:100]!r} is packed in an unknown way")


def _tar(data: bytes, limits: Limits) -> list[Member]:
    budget, seen = _Budget(limits.most(len(data))), set[str]()
    found: list[Member] = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for at, info in enumerate(archive):
            if at >= limits.files:
                raise too_large(f"data: the archive has more than {limits.files} files")
            if info.name.rstrip("/") == "." and info.isdir():
                continue
            check_name(info.name.removeprefix("./").removesuffix("/"), f"entry {at + 1}", seen)
            if not info.isreg() and not info.isdir():
                raise refuse(f"entry {at + 1}: {info.name[:100]!r} is a link or a device")
            source = archive.extractfile(info) if info.isreg() else None
            if source is not None:
                found.append(Member(info.name.removeprefix("./"), budget.read(source)))
    return found


def _tar_gz(data: bytes, limits: Limits) -> list[Member]:
    headers = limits.files * TAR_OVERHEAD
    most = limits.most(len(data))
    return _tar(_gunzipped(data, most + headers), Limits(most, limits.files, limits.ratio))


_READERS: Final[dict[str, Callable[[bytes, Limits], list[Member]]]] = {
    "gzip": _gzip,
    "zip": _zip,
    "tar": _tar,
    "tar.gz": _tar_gz,
}
