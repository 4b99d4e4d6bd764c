"""Answers in JSON, pages of lists, and ids in paths: what the handlers of every dialect share."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.http.faults import shown
from mainspring.http.paging import PageQuery, next_page, page_query
from mainspring.http.query import query_of

encode: Final = msgspec.json.Encoder().encode


def identity(text: str, what: str) -> str:
    """Return a UUID in its one form; raise `NotFound`."""
    id = as_uuid(text)
    if id is None:
        raise NotFound(f"no {what} {shown(text)}")
    return id


def as_uuid(text: str) -> str | None:
    """Return a UUID in its one form, None for what is none."""
    try:
        return str(UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def uuid_page(query: Mapping[str, str]) -> PageQuery:
    """Return the page of a list whose ids are UUIDs; raise `DefinitionInvalid`."""
    page = page_query(query)
    if page.before is not None and as_uuid(page.before.id) is None:
        raise DefinitionInvalid(["cursor: is not one that a list of this service gave"])
    return page


def json(found: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:  # noqa: ANN401
    """Return an answer with a JSON body."""
    return Response(encode(found), status, headers, "application/json")


def listed(request: Request, found: Sequence[Any], after: str | None) -> Response:
    """Return a page of a list; `after` is the cursor of the next one."""
    headers = next_page(request.url.path, query_of(request), after) if after else None
    return json(found, headers=headers)
