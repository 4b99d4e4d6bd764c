"""What a plugin says of itself, before anybody calls it."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

Category: TypeAlias = Literal[
    "Core",
    "Flow Control",
    "Transforms",
    "Databases",
    "Protocol",
    "SaaS",
    "AI",
    "Utility",
]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin's description.

    `input` and `output` are JSON Schemas (2020-12) of objects; an unknown key is a fault where the
    schema says so.  `is_control`: the engine itself does it (a sleep, a gate, a loop), so the
    module has no `run`.  `needs` is what the deployment has to allow.
    """

    id: str
    name: str
    category: Category
    description: str
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    is_control: bool = False
    needs: Literal["", "shell", "python", "container"] = ""
    examples: tuple[Mapping[str, Any], ...] = ()
