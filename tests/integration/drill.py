"""The drill of the operations page as it stands there, run line by line, and a mixed load for it.

Whatever the page tells an operator to type is run by a shell, so the page cannot say what does not
work.  A comment in a block of the page is what a deployment does in its own way; a drill has an
action for each, and one that is not known fails it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from tests.conformance.flows import task as job
from tests.conformance.flows import text

from mainspring.runtime import identity
from mainspring.runtime.binaries import postgres_binary
from mainspring.testing import peer
from mainspring.testing.sagas import Json, call, graph, sleep, task
from mainspring.testing.stack import Platform

PAGE: Final = Path(__file__).parents[2] / "docs" / "operations.md"
LONG_S: Final = 3600.0
ONE_TRY: Final = {"type": "retry", "maxAttempts": 1, "delayMillis": 50}
KINDS: Final = ("quick", "undone", "nap", "held", "asked", "waits", "gated")


def block(title: str) -> list[str]:
    """Return the lines of the block of commands under a heading of the page."""
    _, found, rest = PAGE.read_text().partition(f"\n### {title}\n")
    assert found, f"the page has no «{title}»"
    code = re.search(r"^```sh\n(.*?)^```$", rest.partition("\n### ")[0], re.MULTILINE | re.DOTALL)
    assert code, f"there are no commands under «{title}»"
    return [line for line in code[1].splitlines() if line.strip()]


class Operator:
    """Types what the page says, with the variables that the page asks for."""

    def __init__(self, whole: Platform, backup: Path) -> None:
        self._whole = whole
        self._backup = backup
        programs = [Path(sys.executable).parent, postgres_binary("psql").parent]
        self._env = {
            "PATH": os.pathsep.join([*map(str, programs), os.defpath]),
            "LC_ALL": "C",
            "HOME": str(backup),
            "MAINSPRING_DATABASE_URL": whole.postgres.dsn,
            "MAINTENANCE_URL": whole.postgres.dsn_of("postgres"),
            "BACKUP": str(backup),
            "PGDATA": str(whole.postgres.folder),
            "NATS_STORE": str(whole.nats.folder),
        }
        self.actions: dict[str, Callable[[], None]] = {
            "# end the services, NATS and PostgreSQL": self._end_all,
            "# start PostgreSQL": whole.postgres.start,
            "# start PostgreSQL, new and empty": self._start_anew,
            "# start NATS and the services": self._start_all,
        }

    def back_up(self, title: str) -> None:
        """Run the page's commands as the user of PostgreSQL, who owns what they write."""
        user, prefix = identity.identity_of(self._whole.postgres.folder)
        if user is not None:
            os.chown(self._backup, user, user)
        for line in block(title):
            self.type(line, user, prefix)

    def restore(self, title: str, around: Mapping[str, Callable[[], None]]) -> None:
        """Run the page's lines in order; `around` some, a check runs before and after."""
        for line in block(title):
            check = around.get(line.partition(" #")[0].strip(), _nothing)
            check()
            if line.startswith("#"):
                self.actions[line]()
            else:
                self.type(line)
            check()

    def type(self, line: str, user: int | None = None, prefix: tuple[str, ...] = ()) -> None:
        """Have a shell run a line; it must end with 0."""
        ended = subprocess.run(
            [*prefix, "/bin/sh", "-euc", line],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            cwd="/",
            env=self._env,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout.decode(errors='replace')}"

    def _end_all(self) -> None:
        for process in self._whole.processes:
            process.kill()
        self._whole.nats.kill()
        self._whole.postgres.kill()

    def _start_anew(self) -> None:
        shutil.rmtree(self._whole.postgres.folder, ignore_errors=True)
        self._whole.postgres.start()

    def _start_all(self) -> None:
        """The front before the scheduler: in this order nobody else sees what the broker lost."""
        assert not self._whole.nats.folder.exists(), "the page leaves the broker its store"
        self._whole.nats.start()
        for names in (("api", "events"), ("executor", "scheduler")):
            started = [process for name in names for process in self._whole.services[name]]
            for process in started:
                process.start()
            for process in started:
                process.wait_ready()


def _nothing() -> None:
    """Check nothing."""


class Peer:
    """Answers what the load calls; what is `/held` waits until the drill lets go."""

    def __init__(self) -> None:
        self.lets_go = False

    def respond(self, made: peer.Call) -> peer.Reply:
        if made.path == "/held" and not self.lets_go:
            return peer.Reply(delay=LONG_S)
        return peer.Reply(500 if made.path == "/refuse" else 200, made.body or b"{}", delay=0.005)


class Begun(msgspec.Struct, frozen=True):
    """A run that was accepted: what was asked, from when to when, and its id."""

    kind: str
    key: str
    path: str
    body: Json
    asked_at: float
    accepted_at: float
    id: str


def saga(url: str, kind: str) -> Json:
    """Return the saga of a kind."""
    one: Json = {"action": {"mode": "sync", "request": call(f"{url}/one")}}
    undone: Json = {**one, "compensation": call(f"{url}/undo")}
    refused: Json = {"action": {"mode": "sync", "request": call(f"{url}/refuse")}}
    held: Json = {"action": {"mode": "sync", "request": call(f"{url}/held")}}
    asked = {
        "mode": "async",
        "request": call(f"{url}/ask"),
        "callback": {"timeoutMillis": 600_000},
    }
    nodes = {
        "quick": [task("a", "b", **undone), task("b", "c", **undone), task("c", **one)],
        "undone": [task("a", "b", **undone), task("b", **refused)],
        "nap": [sleep("nap", 300, "a"), task("a", **one)],
        "held": [task("held", timeoutMillis=60_000, **held)],
        "asked": [task("ask", action=asked)],
    }[kind]
    return graph(*nodes, failureHandling=ONE_TRY) | {"name": kind}


def native(url: str) -> Json:
    """Return a workflow that waits for an event between two calls."""
    calls = {"step_type": "http", "request": {"url": f"{url}/one", "verb": "POST"}}
    wait = {"step_ref": "w", "step_type": "wait_for_event", "event_key": "go:{{run.id}}"}
    return {
        "name": "waits",
        "slug": "waits",
        "steps": [
            {"step_ref": "a", **calls},
            {**wait, "depends_on": ["a"]},
            {"step_ref": "b", "depends_on": ["w"], **calls},
        ],
    }


def flow_texts() -> Iterator[str]:
    """Yield a flow with a gate, and one that a schedule starts each second."""
    gate = job("gate", "core.gate", properties={"message": "Go on?"})
    yield text(job("before"), gate, job("after"), name="gated")
    yield text(job("tick"), name="ticks")


class Load:
    """Begins runs of all kinds, each under an idempotency key, and remembers what was accepted."""

    def __init__(self, http: httpx.AsyncClient, url: str, now: Callable[[], float]) -> None:
        self.begun: list[Begun] = []
        self._http = http
        self._url = url
        self._now = now
        self._flows: dict[str, str] = {}

    async def prepare(self) -> None:
        """Store what is begun by name, and set the schedule going."""
        await self._post("/v1/workflows", native(self._url))
        for yaml in flow_texts():
            made = await self._post("/api/v1/flows", {"yamlContent": yaml})
            self._flows[made["name"]] = made["id"]
        schedule = {"flowId": self._flows["ticks"], "type": "schedule", "config": {"interval": 1}}
        await self._post("/api/v1/triggers", schedule)

    async def begin(self, kind: str) -> Begun:
        """Begin one run."""
        key = f"{kind}-{len(self.begun)}-{self._now()}"
        path, body = self._request(kind)
        asked_at = self._now()
        id = await again(self._http, path, body, key)
        begun = Begun(kind, key, path, body, asked_at, self._now(), id)
        self.begun.append(begun)
        return begun

    def _request(self, kind: str) -> tuple[str, Json]:
        match kind:
            case "waits":
                return "/v1/workflows/waits/trigger", {"payload": {}}
            case "gated":
                return f"/api/v1/flows/{self._flows['gated']}/execute", {"inputs": {}}
            case _:
                return "/sagas/run", {"definition": saga(self._url, kind), "payload": {}}

    async def _post(self, path: str, body: Json) -> Any:
        answer = await self._http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()


async def again(http: httpx.AsyncClient, path: str, body: Json, key: str) -> str:
    """Make a call under its key and return the id of the run that it begins, or has begun."""
    answer = await http.post(path, json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    return told["executionId"] if "executionId" in told else told["id"]
