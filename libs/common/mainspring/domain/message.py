"""The frozen base of every event, command and action: one struct, one wire tag.

The class name is the tag on the wire, so one grep finds writer and reader, and renaming a class
is a change of the wire that the stored examples notice.  Unknown fields are ignored when read,
so an older reader survives an additive change; unknown tags are refused.
"""

from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""A plain JSON value: dict, list, str, int, float, bool or None, all the way down."""


class Message(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag=True,
    tag_field="type",
    omit_defaults=True,
):
    """Base of everything that travels or is stored; equal by value, never changed."""


replace = msgspec.structs.replace
