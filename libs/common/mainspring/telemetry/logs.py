"""Logs: one JSON object a line on stderr, through the logging module that every library uses.

Fields are `ts`, `level`, `service`, `logger` and `msg`, then what is bound to the task at work
(`request_id`, `trace_id`, `execution`), then what the call adds with `extra`.  Secrets stay out by
two rules: a field whose name speaks of one is masked, and so is every known secret value, wherever
it appears, tracebacks included.  A logging library of its own lost: it would see neither uvicorn's
lines nor nats-py's.
"""

import logging
import re
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import msgspec

MASK: Final = "[hidden]"
SHORTEST_SECRET = 8  # a shorter one would mask ordinary words

_TELLING = re.compile(
    r"authorization|cookie|token|secret|password|passwd|api[-_]?key", re.IGNORECASE
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s'\"]+(?=@)")
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_bound: ContextVar[Mapping[str, str]] = ContextVar("mainspring_log_fields", default=_NOTHING)
_encode = msgspec.json.Encoder(enc_hook=str, order=None).encode


@contextmanager
def bound(**fields: str) -> Generator[None]:
    """Put `fields` on every line that this task, and the tasks it starts, log in the block."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON; no value can break the line or add a field."""

    def __init__(self, service: str, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._service = service
        # The longest first: a secret may contain another.
        known = sorted({s for s in secrets if len(s) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": _instant(record.created),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "msg": record.getMessage(),
            **_bound.get(),
            **_extra(record),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = self.formatException(record.exc_info)
        return self._masked(_encode(line).decode())

    def _masked(self, text: str) -> str:
        text = _USER_INFO.sub(MASK, text)
        return self._known.sub(MASK, text) if self._known else text


def configure(service: str, level: str, secrets: Iterable[str] = ()) -> None:
    """Send all logging of this process through `JsonLines`; a second call replaces the first."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service, secrets))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Two lines for each connection and each tick tell an operator nothing.
    for chatty in ("uvicorn", "asyncio", "nats"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out that an answer was cut off: a reader was dropped on purpose, and is counted."""
    return record.msg != "ASGI callable returned without completing response."


def _instant(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: MASK if _TELLING.search(name) else value
        for name, value in vars(record).items()
        if name not in _OWN
    }
