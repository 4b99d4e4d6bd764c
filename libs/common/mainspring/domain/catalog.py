"""What users store: definitions under a name and a version, and the compiled forms they lead to.

Two categories of streams.  `compiled-<hash>` has one event for ever: the engine's own form of a
definition, shared by all who compile to the same.  `definition-<id>` is a user's entry; the pair
of name and version belongs to the first entry that took it, also after that was deleted.
"""

from typing import ClassVar, TypeAlias

from mainspring.domain.definition import Definition
from mainspring.domain.message import Json, Message


class DefinitionCompiled(Message, frozen=True, kw_only=True):
    """The engine's form, recorded under the hash of its content as it was then.

    Version 2: the condition of a step is a guard, which names its language.
    """

    SCHEMA_VERSION: ClassVar[int] = 2

    definition: Definition


class DefinitionStored(Message, frozen=True, kw_only=True):
    """A user stored a definition: `source` as it was sent, `compiled` the hash of what it means."""

    name: str
    version: str
    dialect: str
    source: Json
    compiled: str
    at: float


class DefinitionDeleted(Message, frozen=True, kw_only=True):
    at: float


Event: TypeAlias = DefinitionCompiled | DefinitionStored | DefinitionDeleted
