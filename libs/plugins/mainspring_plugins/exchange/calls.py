"""One call with its redirects, every hop through the executor's guarded client.

Credentials belong to the origin that they were meant for: a redirect to another scheme, host or
port goes without `Authorization`, cookies, and the header that the task names for its own.
"""

from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec

from mainspring.plugin import Context, PluginFailed
from mainspring.ports import HttpAnswer, HttpFault
from mainspring_plugins.support.failures import refuse

MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_SECRET: Final = frozenset(("authorization", "cookie", "proxy-authorization"))
_OF_BODY: Final = frozenset(("content-type", "content-encoding", "content-language"))
_PORTS: Final = {"http": 80, "https": 443}


class Ask(msgspec.Struct, frozen=True):
    """A request; names of headers are in lower case, `secret` ones stay with their origin."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None
    secret: frozenset[str] = _SECRET


class Answered(msgspec.Struct, frozen=True):
    """The answer, and the request that it answers: after redirects not the first one."""

    ask: Ask
    answer: HttpAnswer


async def answered(context: Context, ask: Ask, *, timeout: float, follow: bool = True) -> Answered:
    """Return the answer behind all redirects; raise `PluginFailed` where there is none."""
    until = context.clock.monotonic() + min(timeout, context.timeout)
    for _ in range(MOST_REDIRECTS + 1):
        left = until - context.clock.monotonic()
        if left <= 0:
            raise PluginFailed("the answer did not come in time", fault="timeout")
        answer = await called(context, ask, timeout=left)
        onward = redirected(ask, answer) if follow else None
        if onward is None:
            return Answered(ask, answer)
        ask = onward
    raise PluginFailed(f"there are more than {MOST_REDIRECTS} redirects", final=True)


async def called(context: Context, ask: Ask, *, timeout: float) -> HttpAnswer:
    """Return one answer; raise `PluginFailed` with the kind of fault when there is none."""
    try:
        return await context.http.request(
            ask.method,
            ask.url,
            headers=ask.headers,
            body=ask.body,
            timeout=timeout,
            max_body=context.max_output,
        )
    except HttpFault as fault:
        is_final = fault.kind in ("refused", "too_large")
        raise PluginFailed(str(fault), final=is_final, fault=fault.kind) from None


def redirected(ask: Ask, answer: HttpAnswer) -> Ask | None:
    """Return the request that an answer redirects to; None when it redirects nowhere."""
    where = answer.headers.get("location")
    if answer.status not in _REDIRECTS or not where:
        return None
    onward = moved(ask, where)
    is_get = answer.status == 303 or (answer.status in (301, 302) and ask.method == "POST")
    if not is_get or ask.method == "HEAD":
        return onward
    headers = {name: each for name, each in onward.headers.items() if name not in _OF_BODY}
    return msgspec.structs.replace(onward, method="GET", headers=headers, body=None)


def moved(ask: Ask, where: str) -> Ask:
    """Return the request to where a peer points, without its secrets if the origin is another.

    Raises a final `PluginFailed` when the peer points nowhere.
    """
    headers = ask.headers
    try:
        url = urljoin(ask.url, where)
        is_elsewhere = origin(ask.url) != origin(url)
    except ValueError:
        raise refuse("the peer points to what is no URL") from None
    if is_elsewhere:
        headers = {name: each for name, each in headers.items() if name not in ask.secret}
    return msgspec.structs.replace(ask, url=url, headers=headers)


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port; raise ValueError where they cannot be told."""
    split = urlsplit(url)
    return split.scheme, split.hostname or "", split.port or _PORTS.get(split.scheme)
