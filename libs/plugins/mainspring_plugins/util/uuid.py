"""`util.uuid`: new ids, or the one id of a name.

Ids come from the context's chance and clock, so a run that is simulated gets the same ones again.
"""

from typing import Final
from uuid import NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500, UUID, uuid5

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring.runtime.clock import RisingIds
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import choice, closed, gives, several, text, whole

_NAMESPACES: Final = {
    "dns": NAMESPACE_DNS,
    "url": NAMESPACE_URL,
    "oid": NAMESPACE_OID,
    "x500": NAMESPACE_X500,
}

MANIFEST: Final = Manifest(
    id="util.uuid",
    name="UUID",
    category="Utility",
    description="Makes UUIDs: random (4), rising with time (7), or of a name (5).",
    input=closed(
        {
            "version": choice("The version of the UUIDs.", 4, 5, 7, default=4),
            "count": whole("How many UUIDs to make.", default=1, minimum=1, maximum=1000),
            "namespace": text("Version 5: dns, url, oid, x500, or a UUID.", default="url"),
            "name": text("Version 5: the name."),
        }
    ),
    output=gives(
        {
            "uuid": text("The first UUID."),
            "uuids": several("All UUIDs.", {"type": "string"}),
        }
    ),
    examples=(
        {
            "input": {"version": 5, "namespace": "dns", "name": "example.com"},
            "output": {
                "uuid": "cfbff0d1-9375-5685-968c-48ce8b15ae17",
                "uuids": ["cfbff0d1-9375-5685-968c-48ce8b15ae17"],
            },
        },
        {
            "input": {"version": 7},
            "output": {
                "uuid": "019b7c3c-4f3c-7a8b-9c0d-1e2f3a4b5c6d",
                "uuids": ["019b7c3c-4f3c-7a8b-9c0d-1e2f3a4b5c6d"],
            },
            "varies": ["uuid", "uuids"],
        },
    ),
)


def uuid_of(namespace: str, name: str) -> str:
    """Return the UUID of a name; raise a final `PluginFailed` for a namespace that is none."""
    known = _NAMESPACES.get(namespace)
    try:
        return str(uuid5(known or UUID(namespace), name))
    except UnicodeEncodeError:
        raise bad("name", "holds half a character") from None
    except ValueError:
        raise bad("namespace", "is none of dns, url, oid, x500, and no UUID") from None


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return `count` UUIDs."""
    count = int(given.get("count", 1))
    version = given.get("version", 4)
    if version == 5:
        if "name" not in given:
            raise bad("name", "is needed for version 5")
        made = [uuid_of(given.get("namespace", "url"), given["name"])] * count
    elif version == 7:
        ids = RisingIds(
            lambda: int(context.clock.now() * 1000),
            lambda bits: int(context.chance.seed(), 16) >> 128 - bits,
        )
        made = [ids.uuid7() for _ in range(count)]
    else:
        made = [str(UUID(context.chance.seed(), version=4)) for _ in range(count)]
    return {"uuid": made[0], "uuids": made}
