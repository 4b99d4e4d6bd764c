"""Reading and changing values.  The namespace in the path is the project."""

import re
from typing import Any, Final, NamedTuple, cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.durations import duration
from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.domain.message import Json
from mainspring.domain.rows import KeyValueRow
from mainspring.http import bodies
from mainspring.http.answers import json, listed
from mainspring.http.caller import Caller, caller_of
from mainspring.http.faults import Faults, shown
from mainspring.http.instants import shown as at
from mainspring.http.paging import cursor, page_query
from mainspring.http.query import flag_of, query_of
from mainspring.runtime.kv import Values, Wanted
from mainspring_api.context import Api
from mainspring_api.dialects.kv.wire import Key, KeyValue

MOST_BYTES: Final = 1 << 20
_ETAG: Final = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')


class _Asked(NamedTuple):
    """A value to set, and what has to hold for it."""

    value: Json
    ttl: float | None
    wanted: Wanted


async def put(api: Api, request: Request) -> Response:
    """Set a value: 201 where there was none, else 200."""
    body = await bodies.read_json(request)
    if len(body) > MOST_BYTES:
        raise HTTPException(413, f"a value has at most {MOST_BYTES} bytes")
    caller, key = _caller(request), request.path_params["key"]
    asked = _asked(request, bodies.value(body))
    row, is_new = await Values(api.engine).set(
        caller.project, key, asked.value, ttl=asked.ttl, wanted=asked.wanted, meta=caller.meta()
    )
    return _answer(row, asked.value, 201 if is_new else 200)


async def get(api: Api, request: Request) -> Response:
    """Return a value."""
    caller, key = _caller(request), request.path_params["key"]
    found = await Values(api.engine).get(caller.project, key)
    if found is None:
        raise NotFound(f"{shown(key)} has no value in {caller.project}")
    return _answer(found.row, found.value, 200)


async def get_all(api: Api, request: Request) -> Response:
    """Return the keys of a namespace, in order."""
    caller, query = _caller(request), query_of(request)
    page = page_query(query)
    wants = flag_of(query, "values")
    after = page.before.id if page.before is not None else None
    found = await Values(api.engine).keys(
        caller.project,
        prefix=query.get("prefix", ""),
        after=after,
        limit=page.limit + 1,
        values=wants,
    )
    more = cursor(0.0, found[page.limit - 1].row.key) if len(found) > page.limit else None
    shown_keys = [
        Key(**_facts(each.row), value=each.value if wants else msgspec.UNSET)
        for each in found[: page.limit]
    ]
    return listed(request, shown_keys, more)


async def delete(api: Api, request: Request) -> Response:
    """Remove a value: 204, and 404 when there is none."""
    caller, key = _caller(request), request.path_params["key"]
    wanted = Wanted(version=_version(request))
    if not await Values(api.engine).remove(caller.project, key, wanted=wanted, meta=caller.meta()):
        raise NotFound(f"{shown(key)} has no value in {caller.project}")
    return Response(status_code=204)


def _caller(request: Request) -> Caller:
    return caller_of(request, project=request.path_params["namespace"])


def _asked(request: Request, sent: Json) -> _Asked:
    query = query_of(request)
    faults = Faults()
    value, ttl = sent, cast("Json", request.headers.get("ttl") or query.get("ttl"))
    if isinstance(sent, dict):
        members = cast("dict[str, Json]", sent)
        if "value" in members and members.keys() <= {"value", "ttl"}:
            value, ttl = members["value"], members.get("ttl", ttl)
    seconds = None if ttl is None else duration(ttl)
    if ttl is not None and seconds is None:
        faults.add("ttl", "must be seconds, or a duration such as 90s, 1h30m or PT1H")
    faults.check()
    wanted = Wanted(
        version=_version(request),
        absent=flag_of(query, "createOnly") or request.headers.get("if-none-match") == "*",
        present=request.headers.get("if-match") == "*",
    )
    return _Asked(value, seconds, wanted)


def _version(request: Request) -> int | None:
    """Return the version that If-Match names, if it names one."""
    text = request.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    found = _ETAG.fullmatch(text)
    if found is None:
        raise DefinitionInvalid(["If-Match: must be one version, as ETag gives it"])
    return int(found[1])


def _facts(row: KeyValueRow) -> dict[str, Any]:
    return {
        "namespace": row.project,
        "key": row.key,
        "version": row.version,
        "created_at": at(row.created_at),
        "updated_at": at(row.updated_at),
        "expires_at": at(row.expires_at),
    }


def _answer(row: KeyValueRow, value: Json, status: int) -> Response:
    found = KeyValue(**_facts(row), value=value)
    return json(found, status, {"ETag": f'"{row.version}"'})
