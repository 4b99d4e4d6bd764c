"""Everything that can be refused, with a code that can be searched for.

MainspringError                   every error has a `code`
├── Rejected                      the request is wrong; asking again changes nothing
│   ├── IllegalTransition  MS101  the thing is in another state
│   ├── DefinitionInvalid  MS102  all faults at once, each with its place
│   ├── NotFound           MS104
│   ├── AlreadyExists      MS105
│   ├── Unauthorized       MS106
│   ├── Expired            MS107
│   ├── KeyReused          MS108  one idempotency key, two requests
│   ├── Forbidden          MS109  who asks is known, and may not
│   └── NotPresent         MS110  the thing has another version than the one that was named
├── Transient                     try again later
│   ├── VersionConflict    MS201  other writers were first, again and again
│   ├── LogUnavailable     MS202
│   ├── BusUnavailable     MS203
│   ├── StillRunning       MS204  the same idempotency key is being served
│   ├── Limited            MS205  a limit of the operator's, which the message names
│   └── Overloaded         MS206  more is asked for than is got done
└── Corrupt                MS900  history cannot be read; stop this stream

Statuses of HTTP and acknowledgements of the bus are chosen at the edge, never here.
"""

from collections.abc import Sequence


class MainspringError(Exception):
    """Something went wrong in Mainspring."""

    code = "MS000"


class Rejected(MainspringError):
    """The request cannot be carried out as it is."""

    code = "MS100"


class IllegalTransition(Rejected):
    """The state forbids what was asked."""

    code = "MS101"

    def __init__(self, asked: str, state: str, detail: str = "") -> None:
        super().__init__(f"cannot {asked}: {detail or f'it is {state}'}")
        self.asked = asked
        self.state = state


class DefinitionInvalid(Rejected):
    """A definition or a request has faults; `faults` has all of them, each with its place."""

    code = "MS102"

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)

    @property
    def details(self) -> tuple[object, ...]:
        """What a client is told of each fault: a sentence, or the same in its parts."""
        return self.faults


class NotFound(Rejected):
    """There is no such thing."""

    code = "MS104"


class AlreadyExists(Rejected):
    """The name or the id is taken."""

    code = "MS105"


class Unauthorized(Rejected):
    """The credential or the signature does not hold."""

    code = "MS106"


class Expired(Rejected):
    """It came after its deadline."""

    code = "MS107"


class KeyReused(Rejected):
    """The idempotency key belongs to another request."""

    code = "MS108"


class Forbidden(Rejected):
    """Who asks may not do this."""

    code = "MS109"


class NotPresent(Rejected):
    """It has another version than the one that was named."""

    code = "MS110"


class Transient(MainspringError):
    """It may work later; `delay` is when to ask again, in seconds."""

    code = "MS200"

    def __init__(self, message: str = "", delay: float = 1.0) -> None:
        super().__init__(message or (self.__doc__ or ""))
        self.delay = delay


class VersionConflict(Transient):
    """Another writer was first."""

    code = "MS201"


class LogUnavailable(Transient):
    """The event log does not answer."""

    code = "MS202"


class BusUnavailable(Transient):
    """The broker does not answer."""

    code = "MS203"


class StillRunning(Transient):
    """A request with the same idempotency key is still being served."""

    code = "MS204"


class Limited(Transient):
    """A project or a workflow has as much as it may have."""

    code = "MS205"


class Overloaded(Transient):
    """More is asked for than is got done."""

    code = "MS206"


class Corrupt(MainspringError):
    """History cannot be read."""

    code = "MS900"
