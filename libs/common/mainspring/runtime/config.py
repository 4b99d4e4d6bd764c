"""Configuration: one frozen value, read once from the environment, or every fault at once.

`VARIABLES` is the whole of it: names, meanings, defaults, and which services read what.  The
documentation and the compose file are compared with that table, so a variable cannot be added in
secret.  A configuration file lost: four processes in containers are told by their environment
anyway, and two sources need a rule about which one wins.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from mainspring.domain import limits as ceilings

SERVICES: Final = ("api", "scheduler", "executor", "events")
PORTS: Final = {"api": 8080, "scheduler": 8081, "executor": 8082, "events": 8083}
LOOPBACK: Final = "127.0.0.1"
SHORTEST_KEY = 16  # bytes
TASKS: Final = frozenset({"shell", "python", "container"})
"""What a deployment has to allow before a task may do it."""


class ConfigInvalid(Exception):
    """The environment cannot be used; `faults` has every fault, each with its variable's name."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class CallbackKey(NamedTuple):
    """A key that signs callback tokens, and the id by which a token names it."""

    kid: str
    secret: bytes

    def __repr__(self) -> str:
        return f"CallbackKey(kid={self.kid!r})"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a service was told.  Its text shows no secret.

    `callback_keys`: the first signs, all verify.
    """

    service: str
    database_url: str
    nats_url: str
    host: str = LOOPBACK
    port: int = 0
    database_pool: int = 4
    events_url: str = "http://127.0.0.1:8083"
    public_url: str = "http://127.0.0.1:8080"
    callback_keys: tuple[CallbackKey, ...] = ()
    allow_private_egress: bool = False
    allow_unauthenticated: bool = False
    allow_tasks: frozenset[str] = frozenset()
    task_memory_mb: int = 512
    allow_requirements: bool = False
    work_dir: str = ""
    max_body_bytes: int = 1 << 20
    max_payload_bytes: int = 4 << 20
    concurrency: int = 256
    max_requests: int = 512
    max_queued: int = 10_000
    max_wait_ms: int = 500
    limits: ceilings.Limits = ceilings.Limits()
    keep_blobs_days: float = 7.0
    drain_seconds: float = 10.0
    drain_notice_seconds: float = 0.0
    log_level: str = "INFO"
    otlp_endpoint: str = ""

    @classmethod
    def from_env(cls, service: str, environ: Mapping[str, str]) -> "Config":
        """Return what the environment says to `service`; raise `ConfigInvalid` with all faults."""
        values: dict[str, Any] = {"port": PORTS[service]}
        faults: list[str] = []
        for variable in VARIABLES:
            if service in variable.services:
                variable.read_into(values, environ, service=service, faults=faults)
        host, meant = values.get("host", LOOPBACK), values.get("allow_unauthenticated", False)
        if not (meant or _is_loopback(host)):
            faults.append(_exposed(host))
        if faults:
            raise ConfigInvalid(faults)
        return cls(service=service, **values)

    def secrets(self) -> tuple[str, ...]:
        """Return every value that must not be seen in a log."""
        keys = tuple(key.secret.hex() for key in self.callback_keys)
        passwords = (urlsplit(url).password for url in (self.database_url, self.nats_url))
        return (*keys, *(password for password in passwords if password))

    def __repr__(self) -> str:
        told = (f"{v.field}={v.shown(self)}" for v in VARIABLES if self.service in v.services)
        return f"Config(service={self.service!r}, {', '.join(told)})"


def _exposed(host: str) -> str:
    """Say why a service may not listen on `host` when it was told so only once.

    Nobody is asked who they are, so anyone who reaches the port owns the engine.
    """
    return (
        f"MAINSPRING_HOST={host} is not a loopback address, and there is no authentication: "
        "everyone who reaches the port may do everything; "
        "set MAINSPRING_ALLOW_UNAUTHENTICATED=1 as well if that is meant"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _text(value: str) -> str:
    return value


def _folder(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("an absolute path of a folder is wanted")
    return value


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        # Only the beginning is judged: there may be many servers, or a socket's folder in a query.
        scheme, _, rest = value.partition("://")
        if scheme not in schemes or not rest:
            raise ValueError(f"a URL is wanted that starts with {' or '.join(schemes)}://")
        return value.rstrip("/")

    return parse


def _number(least: float, most: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise ValueError(f"a number from {least:g} to {most:g} is wanted")
        return number

    return parse


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not (value.isascii() and value.isdecimal() and least <= int(value) <= most):
            raise ValueError(f"a whole number from {least} to {most} is wanted")
        return int(value)

    return parse


def _yes(value: str) -> bool:
    match value.lower():
        case "1" | "true" | "yes":
            return True
        case "0" | "false" | "no":
            return False
        case _:
            raise ValueError("1 or 0 is wanted")


def _tasks(value: str) -> frozenset[str]:
    named = frozenset(word.strip().lower() for word in value.split(",") if word.strip())
    if not named <= TASKS:
        raise ValueError(f"some of {', '.join(sorted(TASKS))} are wanted, with commas between them")
    return named


def _level(value: str) -> str:
    if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("DEBUG, INFO, WARNING or ERROR is wanted")
    return value.upper()


def _keys(value: str) -> tuple[CallbackKey, ...]:
    keys = tuple(_key(entry.strip()) for entry in value.split(","))
    if len({key.kid for key in keys}) < len(keys):
        raise ValueError("two keys have the same id")
    return keys


def _key(entry: str) -> CallbackKey:
    # The value is a secret: no message repeats any of it.
    kid, _, text = entry.partition(":")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if not (kid.isascii() and kid.isalnum()) or len(secret) < SHORTEST_KEY:
        raise ValueError(
            "id:hex[,id:hex…] is wanted, each id of letters and digits, "
            f"each key of {SHORTEST_KEY} bytes or more"
        )
    return CallbackKey(kid, secret)


class Variable(NamedTuple):
    """One variable: what it means, who reads it, and what holds when it is not set."""

    name: str
    field: str
    parse: Callable[[str], Any]
    default: str
    meaning: str
    services: tuple[str, ...] = SERVICES
    required: bool = False
    secret: bool = False

    def read_into(
        self, values: dict[str, Any], environ: Mapping[str, str], *, service: str, faults: list[str]
    ) -> None:
        """Put the parsed value under the field's name, or a fault behind the others."""
        given = environ.get(self.name, "").strip()
        if not given:
            if self.required:
                faults.append(f"{self.name} is not set, and {service} needs it: {self.meaning}")
            return
        try:
            values[self.field] = self.parse(given)
        except ValueError as fault:
            shown = "" if self.secret else f"={given}"
            faults.append(f"{self.name}{shown} cannot be used: {fault}")

    def shown(self, config: Config) -> str:
        """Return the value as it may be logged."""
        value = getattr(config, self.field)
        return "(set)" if self.secret and value else repr(value)


_DAY = 86_400.0

VARIABLES: Final = (
    Variable(
        "MAINSPRING_DATABASE_URL",
        "database_url",
        _url("postgresql", "postgres"),
        "",
        "PostgreSQL, where the event log stands",
        required=True,
        secret=True,
    ),
    Variable(
        "MAINSPRING_NATS_URL",
        "nats_url",
        _url("nats", "tls"),
        "",
        "NATS with JetStream; several servers with commas between them",
        required=True,
        secret=True,
    ),
    Variable("MAINSPRING_HOST", "host", _text, "127.0.0.1", "address to listen on"),
    Variable(
        "MAINSPRING_PORT",
        "port",
        _whole(0, 65535),
        "api 8080, scheduler 8081, executor 8082, events 8083",
        "port to listen on; 0 takes a free one and logs it",
    ),
    Variable(
        "MAINSPRING_ALLOW_UNAUTHENTICATED",
        "allow_unauthenticated",
        _yes,
        "0",
        "listen on an address that others can reach, although nobody is asked who they are",
    ),
    Variable(
        "MAINSPRING_DATABASE_POOL",
        "database_pool",
        _whole(1, 100),
        "4",
        "connections to PostgreSQL that a process holds",
    ),
    Variable(
        "MAINSPRING_EVENTS_URL",
        "events_url",
        _url("http", "https"),
        "http://127.0.0.1:8083",
        "the events service, as the gateway reaches it",
        services=("api",),
    ),
    Variable(
        "MAINSPRING_PUBLIC_URL",
        "public_url",
        _url("http", "https"),
        "http://127.0.0.1:8080",
        "the gateway, as peers reach it: callback URLs and links begin with it",
        services=("api", "scheduler", "executor"),
    ),
    Variable(
        "MAINSPRING_CALLBACK_KEYS",
        "callback_keys",
        _keys,
        "",
        "id:hex[,id:hex]: the first key signs callback tokens and links, all verify; "
        "without one, asynchronous steps cannot be called back",
        services=("api", "scheduler", "executor"),
        secret=True,
    ),
    Variable(
        "MAINSPRING_ALLOW_PRIVATE_EGRESS",
        "allow_private_egress",
        _yes,
        "0",
        "let steps call loopback and private addresses; link-local stays refused",
        services=("executor",),
    ),
    Variable(
        "MAINSPRING_ALLOW_TASKS",
        "allow_tasks",
        _tasks,
        "",
        "what tasks may start beside calls: any of shell, python, container, with commas between "
        "them; whoever may write a workflow may then run programs as the executor's user",
        services=("executor",),
    ),
    Variable(
        "MAINSPRING_TASK_MEMORY_MB",
        "task_memory_mb",
        _whole(64, 1 << 20),
        "512",
        "mebibytes that a process may take that is started for a task",
        services=("executor",),
    ),
    Variable(
        "MAINSPRING_ALLOW_REQUIREMENTS",
        "allow_requirements",
        _yes,
        "0",
        "let Python tasks name packages, which pip fetches as wheels from where its own variables "
        "(`PIP_INDEX_URL`, `PIP_NO_INDEX`, `PIP_FIND_LINKS`) and the machine's pip.conf say",
        services=("executor",),
    ),
    Variable(
        "MAINSPRING_WORK_DIR",
        "work_dir",
        _folder,
        "",
        "folder in which an executor keeps packages of Python tasks; by default one among the "
        "temporary ones, which is made for its user",
        services=("executor",),
    ),
    Variable(
        "MAINSPRING_MAX_BODY_BYTES",
        "max_body_bytes",
        _whole(1024, 1 << 30),
        "1048576",
        "largest request body that is read; a larger one is answered with 413",
        services=("api", "events"),
    ),
    Variable(
        "MAINSPRING_MAX_PAYLOAD_BYTES",
        "max_payload_bytes",
        _whole(1024, 1 << 30),
        "4194304",
        "largest payload of an execution and largest output of a step",
        services=("api", "events", "scheduler", "executor"),
    ),
    Variable(
        "MAINSPRING_MAX_REQUESTS",
        "max_requests",
        _whole(1, 1_000_000),
        "512",
        "requests that write and are served at once, a large one counting as several; one more is "
        "answered with 503, and so is one of a project that has as many as are still free",
        services=("api", "events"),
    ),
    Variable(
        "MAINSPRING_MAX_QUEUED",
        "max_queued",
        _whole(1, ceilings.MOST),
        "10000",
        "runs that may wait for their first turn, all gateways together; one more is answered with "
        "503, and with 429 where a project has as many as are still free",
        services=("api",),
    ),
    Variable(
        "MAINSPRING_MAX_WAIT_MS",
        "max_wait_ms",
        _whole(1, 3_600_000),
        "500",
        "how long a run may wait for its first turn before fewer are let in",
        services=("api",),
    ),
    Variable(
        "MAINSPRING_LIMITS",
        "limits",
        ceilings.parse,
        "",
        "what projects and workflows may have at once, such as "
        "`* runs=10000 starts=200; acme starts=500; acme/import runs=5`",
        services=("api",),
    ),
    Variable(
        "MAINSPRING_CONCURRENCY",
        "concurrency",
        _whole(1, 100_000),
        "256",
        "attempts that one executor has in flight for one project; for all together at most twice "
        "that",
        services=("executor",),
    ),
    Variable(
        "MAINSPRING_KEEP_BLOBS_DAYS",
        "keep_blobs_days",
        _number(1, 3650),
        "7",
        "how long a value that travelled by reference is kept after it was last stored; "
        "longer than the scheduler is ever stopped",
        services=("scheduler",),
    ),
    Variable(
        "MAINSPRING_DRAIN_SECONDS",
        "drain_seconds",
        _number(0, _DAY),
        "10",
        "how long a stop may take, all together, before the process leaves at once",
    ),
    Variable(
        "MAINSPRING_DRAIN_NOTICE_SECONDS",
        "drain_notice_seconds",
        _number(0, _DAY),
        "0",
        "how long a stopping process says that it is not ready before it refuses connections; "
        "part of the drain seconds",
    ),
    Variable("MAINSPRING_LOG_LEVEL", "log_level", _level, "INFO", "DEBUG, INFO, WARNING or ERROR"),
    Variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "otlp_endpoint",
        _url("http", "https"),
        "",
        "where spans are sent (OTLP over HTTP); without it none are made, and only the trace "
        "context travels",
    ),
)
