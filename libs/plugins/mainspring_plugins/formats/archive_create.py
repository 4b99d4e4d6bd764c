"""Packs files; the same files give the same bytes, so no time and no owner is written."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Sequence
from typing import Final

from mainspring_plugins.formats.archive_names import check_name
from mainspring_plugins.formats.archive_read import Limits, Member
from mainspring_plugins.support.failures import refuse, too_large

EPOCH: Final = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE: Final = 0o100644 << 16


def create(kind: str, files: Sequence[Member], limits: Limits) -> bytes:
    """Return an archive; raise `PluginFailed` for names and sizes that `members` would refuse."""
    _check(files, limits)
    if kind == "gzip":
        if len(files) != 1:
            raise refuse(f"files: gzip holds one file, not {len(files)}")
        return gzip.compress(files[0].data, mtime=0)
    if kind == "zip":
        return _zipped(files)
    packed = _tarred(files)
    return gzip.compress(packed, mtime=0) if kind == "tar.gz" else packed


def _check(files: Sequence[Member], limits: Limits) -> None:
    if len(files) > limits.files:
        raise too_large(f"files: more than {limits.files}")
    if sum(len(each.data) for each in files) > limits.bytes:
        raise too_large(f"files: more than {limits.bytes} bytes in all")
    seen: set[str] = set()
    for at, each in enumerate(files):
        check_name(each.name, f"files[{at}].name", seen)


def _zipped(files: Sequence[Member]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for each in files:
            info = zipfile.ZipInfo(each.name, EPOCH)
            info.external_attr = PLAIN_FILE
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, each.data)
    return out.getvalue()


def _tarred(files: Sequence[Member]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for each in files:
            info = tarfile.TarInfo(each.name)
            info.size = len(each.data)
            archive.addfile(info, io.BytesIO(each.data))
    return out.getvalue()
