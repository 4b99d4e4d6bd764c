"""What a script hands on by a file: `KEY=value` lines, or one JSON object.

The file's path is in the variable `MAINSPRING_OUTPUTS`.  A file, because standard output is for
people: what a tool prints along the way would else be taken for a value.
"""

import os
import stat
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import PluginFailed
from mainspring_plugins.support.failures import refuse

VARIABLE: Final = "MAINSPRING_OUTPUTS"
FILE: Final = ".mainspring-outputs"
_decode: Final = msgspec.json.Decoder().decode


def read_outputs(folder: Path, most: int) -> dict[str, Json]:
    """Return what the file of a folder says; {} when there is none."""
    data = read_file(folder / FILE, most)
    return outputs(data.decode(errors="replace")) if data else {}


def read_file(path: Path, most: int) -> bytes:
    """Return a file's bytes; raise a final `PluginFailed` for more than `most`.

    A link is not followed: the task would have this service read a file for it.
    """
    try:
        # A pipe is opened without waiting for a writer, and then passed over.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        is_plain = stat.S_ISREG(os.fstat(handle).st_mode)
        data = _read(handle, most + 1) if is_plain else b""
    finally:
        os.close(handle)
    if len(data) > most:
        text = f"the outputs are larger than {most} bytes"
        raise PluginFailed(text, final=True, fault="too_large")
    return data


def _read(handle: int, most: int) -> bytes:
    with open(handle, "rb", closefd=False) as file:
        return file.read(most)


def outputs(text: str) -> dict[str, Json]:
    """Return an object from JSON or lines; raise a final `PluginFailed` where it is neither."""
    if text.lstrip().startswith("{"):
        try:
            return cast("dict[str, Any]", _decode(text))
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            raise refuse(f"the file {VARIABLE} begins as a JSON object and is none") from None
    found: dict[str, Json] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.partition("=")
        if equals and name.strip():
            found[name.strip()] = value
        elif line.strip():
            raise refuse(f"line {number} of the file {VARIABLE} is not KEY=value")
    return found
