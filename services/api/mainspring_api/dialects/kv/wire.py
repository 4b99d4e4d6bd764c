"""What the key-value store says over HTTP."""

from typing import Any

import msgspec


class Key(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    """A key of a namespace; `value` is there where values were asked for."""

    namespace: str
    key: str
    version: int
    created_at: str
    updated_at: str
    expires_at: str | None
    value: Any = msgspec.UNSET


class KeyValue(msgspec.Struct, rename="camel", kw_only=True):
    """A key with its value; `version` rises with each change and is the ETag."""

    namespace: str
    key: str
    value: Any
    version: int
    created_at: str
    updated_at: str
    expires_at: str | None


class Setting(msgspec.Struct, kw_only=True):
    """A value with the time that it is kept: seconds, or a duration such as `90s` or `PT1H`.

    A body that is no object with `value` (and at most `ttl` beside it) is the value itself.
    """

    value: Any
    ttl: float | str | None = None
