"""Reading flows: one, and many."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from mainspring.http.answers import json, listed, uuid_page
from mainspring.http.paging import PageQuery, cursor
from mainspring.http.query import labels_of, query_of
from mainspring.ports import Page
from mainspring_api.context import Api
from mainspring_api.dialects.flows.definitions import present
from mainspring_api.dialects.flows.definitions.compile import DIALECT
from mainspring_api.dialects.flows.definitions.found import Flow, asked, of
from mainspring_api.dialects.flows.definitions.parts import caller_in, named_namespace

AT_ONCE: Final = 100
"""So many flows at least are looked at for those that a filter lets through."""


class Filter(NamedTuple):
    """What a list is narrowed to."""

    text: str = ""
    labels: tuple[tuple[str, str | None], ...] = ()

    def lets(self, found: Flow) -> bool:
        """Say whether a flow is one of those that are asked for."""
        said = f"{found.row.name} {found.source.get('description') or ''}".casefold()
        labels: dict[str, str] = found.source.get("labels") or {}
        return self.text in said and all(
            name in labels and value in (None, labels[name]) for name, value in self.labels
        )


def filter_of(query: Mapping[str, str]) -> Filter:
    """Return what `q` and `labels` ask for; raise `DefinitionInvalid`."""
    return Filter(query.get("q", "").casefold(), labels_of(query))


async def get(api: Api, request: Request) -> Response:
    """Return a flow in its present revision."""
    flow = (await asked(api, request)).flow
    return json(present.flow(flow), headers={"ETag": f'"{flow.revision}"'})


async def get_all(api: Api, request: Request) -> Response:
    """Return a page of flows, newest first; of all namespaces, if none is named."""
    query = query_of(request)
    namespace, page, wanted = named_namespace(request), uuid_page(query), filter_of(query)
    if namespace is not None:
        caller_in(request, namespace)  # no name of a namespace finds nothing: that is a fault
    found = await _let(api, namespace, wanted, page)
    last = found[page.limit - 1] if len(found) > page.limit else None
    after = cursor(last.began_at, last.id) if last else None
    return listed(request, [present.flow(each) for each in found[: page.limit]], after)


async def _let(api: Api, namespace: str | None, wanted: Filter, page: PageQuery) -> list[Flow]:
    """Return at least one flow more than a page has, if there are so many."""
    size = page.limit + 1 if wanted == Filter() else max(page.limit + 1, AT_ONCE)
    found, before, more = list[Flow](), page.before, True
    while more and len(found) <= page.limit:
        lines = await api.views.lineages(namespace, DIALECT, limit=size, before=before)
        all_ = [of(line) for line in lines]
        found += [each for each in all_ if wanted.lets(each)]
        more = len(lines) == size
        before = Page(all_[-1].began_at, all_[-1].id) if all_ else None
    return found
