"""The platform's HTTP interface, as the verbs of the command line use it.

A refusal becomes one `Refused` with everything that the service said; a service that is away is
told as that, with its address.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import quote

import httpx
import msgspec

TIMEOUT_S: Final = 30.0
Json = Any


class Refused(Exception):
    """The service said no; `details` are all faults that it found."""

    def __init__(self, status: int, message: str, details: tuple[Json, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.details = details


class Away(Exception):
    """The service does not answer."""


class Remote:
    """A client of one project."""

    def __init__(self, url: str, project: str, actor: str = "") -> None:
        self.url = url.rstrip("/")
        headers = {"X-Project-Id": project} | ({"X-Actor-Id": actor} if actor else {})
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT_S, trust_env=False
        )

    def get(self, path: str, **query: str | int | None) -> Json:
        """Return what is under a path.  Raises `Refused`, `Away`."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._asked("GET", path, params=given)

    def send(self, method: str, path: str, body: Json) -> Json:
        """Send JSON and return the answer.  Raises `Refused`, `Away`."""
        return self._asked(
            method,
            path,
            content=msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
        )

    def send_yaml(self, method: str, path: str, text: str) -> Json:
        """Send a workflow's text and return the answer.  Raises `Refused`, `Away`."""
        return self._asked(
            method, path, content=text.encode(), headers={"Content-Type": "application/yaml"}
        )

    def follow(self, path: str, **query: str | int) -> Iterator[dict[str, Json]]:
        """Yield the frames of a stream until it ends.  Raises `Refused`, `Away`."""
        accept = {"Accept": "text/event-stream"}
        try:
            with self._http.stream(
                "GET", path, params=query, headers=accept, timeout=httpx.Timeout(TIMEOUT_S)
            ) as stream:
                if stream.status_code >= 400:
                    stream.read()
                    raise _refused(stream)
                for line in stream.iter_lines():
                    if line.startswith("data:"):
                        yield msgspec.json.decode(line[5:])
        except httpx.HTTPError as failure:
            raise self._away(failure) from None

    def _asked(self, method: str, path: str, **more: Any) -> Json:  # noqa: ANN401 - httpx's own
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as failure:
            raise self._away(failure) from None
        if answer.status_code >= 400:
            raise _refused(answer)
        return answer.json() if answer.content else None

    def _away(self, failure: httpx.HTTPError) -> Away:
        return Away(f"{self.url} does not answer ({type(failure).__name__})")


def part(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")


def _refused(answer: httpx.Response) -> Refused:
    try:
        told: Json = answer.json()
    except ValueError:
        told = None
    body = _members(told)
    if not body:
        return Refused(answer.status_code, f"the service answers {answer.status_code}")
    error = body.get("error")
    inner = _members(error) or body
    message = inner.get("message") or (error if isinstance(error, str) else "refused")
    return Refused(answer.status_code, str(message), tuple(inner.get("details") or ()))


def _members(found: object) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", found) if isinstance(found, Mapping) else {}
