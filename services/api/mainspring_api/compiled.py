"""Definitions that were compiled already, by the hash of the bytes that were sent.

Inline runs send the same definition again and again; compiling it is work for the first time only.
What is kept is bounded by the size of the sources, not by their number: one may be a megabyte.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from mainspring.domain.definition import Definition
from mainspring.domain.message import Json
from mainspring.http.bodies import value

MOST_BYTES: Final = 16 << 20
_OVERHEAD: Final = 1024  # what an entry costs at least, whatever its source
Compile: TypeAlias = Callable[[Json], Definition]


class Compiled:
    """A bounded memory of compiled definitions, the ones used last."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._held = 0
        self._kept: OrderedDict[bytes, tuple[Definition, int]] = OrderedDict()

    def of(self, source: bytes, compile_source: Compile) -> Definition:
        """Return the definition that a JSON text means; raise `DefinitionInvalid`."""
        digest = hashlib.sha256(source).digest()
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
            return found[0]
        definition = compile_source(value(source))
        self._keep(digest, definition, len(source) + _OVERHEAD)
        return definition

    def _keep(self, digest: bytes, definition: Definition, size: int) -> None:
        self._kept[digest] = (definition, size)
        self._held += size
        while self._held > self._most and len(self._kept) > 1:
            _, (_, freed) = self._kept.popitem(last=False)
            self._held -= freed
