"""What is known of asking for a run: the ids that were answered, and whether any try is unknown."""

import msgspec


class Started(msgspec.Struct):
    """All tries with one idempotency key: they make one run, or none."""

    key: str
    ids: set[str] = msgspec.field(default_factory=set[str])
    unknown: bool = False
    refused: set[int] = msgspec.field(default_factory=set[int])
    unread: list[str] = msgspec.field(default_factory=list[str])
