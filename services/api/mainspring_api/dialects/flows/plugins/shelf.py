"""All plugins that are installed here, found once a process.

A package that cannot be loaded is told once in the log, and its plugins are not there: the others
are, and so is the api.
"""

import logging
from functools import cache
from importlib.metadata import entry_points

from mainspring.plugin import Manifest, Registry, installed
from mainspring.plugin.registry import GROUP

_log = logging.getLogger(__name__)


@cache
def registry() -> Registry:
    """Return the registry of this process."""
    return installed()


@cache
def versions() -> dict[str, str]:
    """Return the versions of the packages that plugins come with, by the plugins' ids."""
    return {
        each.name: each.dist.version for each in entry_points(group=GROUP) if each.dist is not None
    }


@cache
def manifests() -> dict[str, Manifest]:
    """Return the manifests of all plugins that flows may name, by id, in order."""
    found: dict[str, Manifest] = {}
    for id in registry().ids:
        manifest = _manifest(id) if "." in id else None
        if manifest is not None:
            found[id] = manifest
    return found


def _manifest(id: str) -> Manifest | None:
    try:
        plugin = registry().get(id)
    except ImportError as error:
        _log.error("the plugin %s cannot be loaded: %s", id, error)
        return None
    return plugin.manifest if plugin is not None else None
