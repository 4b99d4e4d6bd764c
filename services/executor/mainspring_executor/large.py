"""Values that are too large for a message: they travel in blobs, by reference."""

import logging
from typing import Final

from mainspring.domain.errors import Transient
from mainspring.ports import Blobs, Clock

LARGE: Final = 128 * 1024
"""Bytes of JSON beyond which a value travels by reference."""

_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 5.0
_log = logging.getLogger(__name__)


class Lost(Exception):
    """What a task refers to is nowhere: it can never be made."""


async def fetched(blobs: Blobs, ref: str) -> bytes:
    """Return what a task refers to; raise `Lost`, or `Transient` when it cannot be asked for."""
    data = await blobs.get(ref)
    if data is None:
        raise Lost("what the task refers to is gone")
    return data


async def put(blobs: Blobs, clock: Clock, data: bytes) -> str:
    """Store an answer and return its reference; only an end of this process gives it up."""
    delay = _FIRST_WAIT
    while True:
        try:
            return await blobs.put(data)
        except Transient as failure:
            _log.warning("an answer cannot be stored yet: %s", failure)
            await clock.sleep(delay)
            delay = min(2 * delay, _LONGEST_WAIT)
