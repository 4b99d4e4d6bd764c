"""What a call gave before, kept among the values of its project for as long as its step says.

It is looked up here, because only here the input is known as it was rendered: the scheduler has
templates and no store.  What is kept is a value like others, so that people can see it and take it
away; a view of its own would be one more thing to rebuild, and say no more.  Of two equal calls at
once both are made.
"""

import hashlib
import logging
from typing import Final

import msgspec

from mainspring.domain.definition import Cache
from mainspring.domain.errors import MainspringError
from mainspring.domain.message import Json
from mainspring.plugin import KeyValues, PluginFailed

PREFIX: Final = "$cache:"
MOST: Final = 1 << 20
"""Bytes of an output that is kept."""

_log = logging.getLogger(__name__)


class Kept:
    """The place of one call's output: that of its plugin, and of its key or its whole input."""

    def __init__(
        self, said: Cache, values: KeyValues, project: str, *, of: str, by: Json, named: bool
    ) -> None:
        self._values = values
        self._project = project
        self._ttl = said.ttl
        told = msgspec.json.encode([of, "key" if named else "input", by], order="sorted")
        self.key = PREFIX + hashlib.sha256(told).hexdigest()

    async def output(self) -> tuple[Json] | None:
        """Return what is kept, boxed; None when it is nothing, or where there is no store.

        Raises `Transient` when the store is away.
        """
        try:
            return await self._values.get(self._project, self.key)
        except PluginFailed:
            return None

    async def keep(self, output: Json) -> str | None:
        """Keep an output; return why it is not kept: that makes no call fail."""
        size = len(msgspec.json.encode(output))
        if size > MOST:
            return f"the output is not kept for the next time: it has more than {MOST:,} bytes"
        try:
            await self._values.set(self._project, self.key, output, ttl=self._ttl)
        except (PluginFailed, MainspringError) as error:
            _log.warning("an output could not be kept: %s", error)
            return f"the output could not be kept for the next time ({type(error).__name__})"
        return None
