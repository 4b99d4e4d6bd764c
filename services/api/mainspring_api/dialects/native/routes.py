"""Every route of the native dialect: the tables of its parts, joined."""

from typing import Final

from mainspring.http.operations import Operation

OPERATIONS: Final[tuple[Operation, ...]] = ()
