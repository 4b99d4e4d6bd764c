"""Bytes behind texts: utf-8, latin-1, hex, base64, and what to say when they do not fit."""

import base64
import binascii

from mainspring_plugins.support.failures import refuse


def bytes_of(data: str, encoding: str, place: str = "data") -> bytes:
    """Return the bytes that a text stands for; raise `PluginFailed` where it cannot."""
    try:
        if encoding == "base64":
            return base64.b64decode("".join(data.split()), validate=True)
        return bytes.fromhex(data) if encoding == "hex" else data.encode(encoding)
    except UnicodeEncodeError as error:
        where = f"character {error.start + 1}"
        raise refuse(f"{place}: {where} cannot be written in {encoding}") from None
    except (binascii.Error, ValueError):
        raise refuse(f"{place} is no {encoding}") from None


def text_of(data: bytes, encoding: str, place: str = "the data") -> str:
    """Return bytes as text; raise `PluginFailed` where they are none in this encoding."""
    if encoding == "base64":
        return base64.b64encode(data).decode()
    try:
        return data.hex() if encoding == "hex" else data.decode(encoding)
    except UnicodeDecodeError as error:
        raise refuse(f"{place}: byte {error.start + 1} is no text in {encoding}") from None
