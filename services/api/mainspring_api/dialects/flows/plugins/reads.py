"""Reading plugins: one, all, and the categories.

The list is no page: a client that looks for a type wants all of them, and their number is that of
the installed ones.
"""

from collections import Counter
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from mainspring.domain.errors import NotFound
from mainspring.http.answers import json
from mainspring.http.faults import Faults, shown
from mainspring.http.query import query_of
from mainspring.plugin import Category, Manifest
from mainspring_api.context import Api
from mainspring_api.dialects.flows.plugins import wire
from mainspring_api.dialects.flows.plugins.shelf import manifests, versions


async def get_all(_: Api, request: Request) -> Response:
    """Return all plugins, or those of a category, or those that a text is found in."""
    query = query_of(request)
    category, text = query.get("category"), query.get("q", "").casefold()
    found = [
        _shown(each)
        for each in manifests().values()
        if category in (None, each.category) and text in _words(each)
    ]
    return json(found)


def _shown(manifest: Manifest) -> wire.FlowPlugin:
    return wire.plugin(manifest, versions().get(manifest.id, ""))


def _words(manifest: Manifest) -> str:
    return f"{manifest.id} {manifest.name} {manifest.description}".casefold()


async def get_categories(_: Api, _request: Request) -> Response:
    """Return the categories that have plugins, with their numbers."""
    counts = Counter(each.category for each in manifests().values())
    named = [name for name in get_args(Category) if counts[name]]
    return json([wire.PluginCategory(name=name, count=counts[name]) for name in named])


async def get(_: Api, request: Request) -> Response:
    """Return one plugin."""
    id = request.path_params["id"]
    manifest = manifests().get(id)
    if manifest is None:
        raise NotFound(f"no plugin {shown(id)}{Faults().hint(id, manifests())}")
    return json(_shown(manifest))
