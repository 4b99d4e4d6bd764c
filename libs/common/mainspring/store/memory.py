"""Mainspring's store in memory: the same answers as Postgres, for tests and the simulation.

One process, one loop, no durability.  Nothing here awaits, so every call is one instant; whoever
wants delays, crashes and doubtful commits wraps the ports.
"""

from mainspring.store.memory_caches import MemoryBlobs, MemorySnapshots
from mainspring.store.memory_log import MemoryLog
from mainspring.store.memory_views import MemoryViews
from mainspring.store.tables import Tables


class MemoryStore:
    """The ports EventLog, Views, Blobs and Snapshots over dicts."""

    def __init__(self) -> None:
        tables = Tables()
        self.tables = tables
        self.log = MemoryLog(tables)
        self.views = MemoryViews(tables)
        self.blobs = MemoryBlobs()
        self.snapshots = MemorySnapshots()

    async def ready(self) -> bool:
        """Return True: memory is always there."""
        return True

    async def close(self) -> None:
        """Do nothing: what was stored stays, as it would in a database."""
