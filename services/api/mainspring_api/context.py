"""What every handler of the api works with."""

import asyncio
import re
from typing import Final, NamedTuple

from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid
from mainspring.ports import Views
from mainspring.runtime.config import Config
from mainspring.runtime.engine import Engine
from mainspring.runtime.world import World
from mainspring_api.compiled import Compiled
from mainspring_api.faults import shown
from mainspring_api.idempotency import Once

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What no name has in it, and what PostgreSQL partly cannot store."""


class Api(NamedTuple):
    """The engine, and what belongs to the HTTP face alone."""

    engine: Engine
    config: Config
    once: Once
    compiled: Compiled
    draining: asyncio.Event

    @property
    def views(self) -> Views:
        return self.engine.views


def api_of(world: World) -> Api:
    """Return the context of a process."""
    engine = Engine(
        log=world.log,
        views=world.views,
        snapshots=world.snapshots,
        bus=world.bus,
        clock=world.clock,
        ids=world.ids,
        chance=world.chance,
    )
    return Api(engine, world.config, Once(world.views, world.clock), Compiled(), world.draining)


def query_of(request: Request) -> dict[str, str]:
    """Return the query's parameters, of each name the last; raise `DefinitionInvalid`."""
    found = dict(request.query_params)
    wrong = [name for name, text in found.items() if CONTROL.search(name + text)]
    if wrong:
        raise DefinitionInvalid([f"{shown(name)}: has control characters in it" for name in wrong])
    return found
