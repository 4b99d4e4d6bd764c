"""A version of a definition as it was stored: what answers a repeated request that stored it.

Of such an answer only that is kept which the event does not say.
"""

import msgspec

from mainspring.domain.catalog import DefinitionStored
from mainspring.domain.envelope import StreamId
from mainspring.domain.errors import Corrupt
from mainspring.domain.message import Json
from mainspring.domain.rows import DefinitionRow
from mainspring.domain.upcast import decode
from mainspring_api.context import Api
from mainspring_api.dialects.native.ids import version_id


class Kept(msgspec.Struct, frozen=True):
    """What is kept under an idempotency key: the definition itself is in the event already."""

    version: str
    began_at: float | None


async def as_stored(api: Api, id: str, version: str) -> tuple[DefinitionRow, Json]:
    """Return a version's row and source as they were stored, also when it has been deleted since.

    `id` is that of the first version.  Raises `Corrupt`.
    """
    stream = StreamId("definition", version_id(id, version))
    first = (await api.engine.log.read([stream]))[stream][0]
    event = decode("definition", first.type, first.schema_version, first.body)
    if not isinstance(event, DefinitionStored):
        raise Corrupt(f"stream {stream} begins with {first.type}")
    row = DefinitionRow(
        id=stream.id,
        project=first.project,
        name=event.name,
        version=event.version,
        dialect=event.dialect,
        compiled=event.compiled,
        created_at=event.at,
    )
    return row, event.source
