"""What a plugin is made of: a manifest, and an async function.

A plugin is a module with `MANIFEST` and `run(input, context)`, found by the entry point group
`mainspring.plugins`, so a team can ship a package of its own:

    [project.entry-points."mainspring.plugins"]
    "acme.greet" = "acme_plugins.greet"

The registry checks the input before the call and the output after it, against the manifest.
"""

from mainspring.plugin.context import Context, KeyValues, Level
from mainspring.plugin.errors import PluginFailed
from mainspring.plugin.manifest import Category, Manifest
from mainspring.plugin.registry import Plugin, Registry, installed

__all__ = [
    "Category",
    "Context",
    "KeyValues",
    "Level",
    "Manifest",
    "Plugin",
    "PluginFailed",
    "Registry",
    "installed",
]
