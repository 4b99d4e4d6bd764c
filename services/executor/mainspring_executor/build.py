"""How an executor is put together; the process, the local stack and the simulation all use it."""

from collections.abc import Callable

from mainspring.domain.envelope import Meta
from mainspring.domain.task import Task
from mainspring.plugin import KeyValues, Registry, installed
from mainspring.ports import HttpClient
from mainspring.runtime.config import Config
from mainspring.runtime.engine import Engine
from mainspring.runtime.kv import ProjectValues, Values
from mainspring.runtime.service import Service
from mainspring.runtime.world import World
from mainspring_executor.client import Client
from mainspring_executor.egress import Egress
from mainspring_executor.helpers import Helpers
from mainspring_executor.pull import Executor
from mainspring_executor.shop import Bounded, Workshop

_DRAIN_SHARE = 0.7  # of what is left after the notice; the frame needs the rest for leaving


async def build(
    world: World,
    http: HttpClient | None = None,
    plugins: Registry | None = None,
    helpers: Bounded | None = None,
) -> Service:
    """Return the service; without `http` it calls the real world, behind the egress guard.

    Without `helpers` it has processes of its own for what is to be bounded.
    """
    config = world.config
    client = http or Client(Egress(private=config.allow_private_egress))
    shop = Workshop(
        http=client,
        blobs=world.blobs,
        clock=world.clock,
        chance=world.chance,
        keys=config.callback_keys,
        public_url=config.public_url.rstrip("/"),
        max_answer=config.max_payload_bytes,
        plugins=plugins or installed(),
        values=_values(world),
        helpers=helpers or Helpers(memory_mb=config.task_memory_mb),
        allowed=_allowed(config),
        memory_mb=config.task_memory_mb,
        work_dir=config.work_dir,
    )
    left = max(0.0, config.drain_seconds - config.drain_notice_seconds)
    executor = Executor(
        world.bus, shop, concurrency=config.concurrency, drain_seconds=left * _DRAIN_SHARE
    )
    return Service(components=[executor])


def _allowed(config: Config) -> frozenset[str]:
    more = {"requirements"} if config.allow_requirements else ()
    return config.allow_tasks.union(more)


def _values(world: World) -> Callable[[Task], KeyValues]:
    """Return what gives a task the keys of its project."""
    engine = Engine(
        log=world.log,
        views=world.views,
        snapshots=world.snapshots,
        bus=world.bus,
        clock=world.clock,
        ids=world.ids,
        chance=world.chance,
    )
    values = Values(engine)

    def of(task: Task) -> KeyValues:
        call = task.call
        meta = Meta(
            actor=f"step:{call.execution}:{call.ref}",
            correlation=call.execution,
            traceparent=task.traceparent,
        )
        return ProjectValues(values, task.project, meta)

    return of
