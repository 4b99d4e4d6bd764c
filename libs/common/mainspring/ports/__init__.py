"""What the services need of the world, as small Protocols.

Each port has a real adapter and one in memory, and one contract suite that both must pass.  Because
nothing reaches around them, all services can run in one process under simulated time with faults
injected at exactly these seams.
"""

from mainspring.ports.bus import Bus, Consumer, Delivery, Outgoing, Subscription
from mainspring.ports.details import (
    ApprovalDetail,
    AttemptDetail,
    Backlog,
    DefinitionDetail,
    ExecutionDetail,
    KeyValueDetail,
    Lateness,
    Lineage,
    Page,
    Purgeable,
    StepDetail,
    TriggerDetail,
    TriggerStats,
)
from mainspring.ports.log import Append, Appended, EventLog, Refused
from mainspring.ports.stores import Blobs, Snapshots
from mainspring.ports.views import Views
from mainspring.ports.world import Clock, HttpAnswer, HttpClient, HttpFault, Ids, Random

__all__ = [
    "Append",
    "Appended",
    "ApprovalDetail",
    "AttemptDetail",
    "Backlog",
    "Blobs",
    "Bus",
    "Clock",
    "Consumer",
    "DefinitionDetail",
    "Delivery",
    "EventLog",
    "ExecutionDetail",
    "HttpAnswer",
    "HttpClient",
    "HttpFault",
    "Ids",
    "KeyValueDetail",
    "Lateness",
    "Lineage",
    "Outgoing",
    "Page",
    "Purgeable",
    "Random",
    "Refused",
    "Snapshots",
    "StepDetail",
    "Subscription",
    "TriggerDetail",
    "TriggerStats",
    "Views",
]
