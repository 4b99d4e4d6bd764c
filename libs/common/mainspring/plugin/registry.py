"""Finds plugins by entry point and holds their contracts.

A plugin that cannot be loaded is told once, by name, and is not there; the others are.  Loading is
by need: an api that lists manifests imports them all, an executor the ones that it is asked for.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Final, TypeAlias, cast

import jsonschema_rs

from mainspring.domain.message import Json
from mainspring.plugin.context import Context
from mainspring.plugin.manifest import Manifest

GROUP: Final = "mainspring.plugins"
MOST_FAULTS: Final = 20
Run: TypeAlias = Callable[[dict[str, Json], Context], Awaitable[Json]]


class Plugin:
    """A manifest with its function; both sides of a call are checked here."""

    def __init__(self, manifest: Manifest, run: Run | None) -> None:
        self.manifest = manifest
        self.run = run

    @cached_property
    def _input(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(dict(self.manifest.input))

    @cached_property
    def _output(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(dict(self.manifest.output))

    def input_faults(self, value: Json) -> list[str]:
        """Return all that is wrong with an input, each with its place; [] when nothing is."""
        return _faults(self._input, value)

    def output_faults(self, value: Json) -> list[str]:
        """Return all that is wrong with an output."""
        return _faults(self._output, value)


def _faults(validator: jsonschema_rs.Draft202012Validator, value: Json) -> list[str]:
    found: list[str] = []
    try:
        for error in validator.iter_errors(value):
            place = ".".join(str(part) for part in error.instance_path)
            found.append(f"{place}: {error.message[:300]}" if place else error.message[:300])
            if len(found) == MOST_FAULTS:
                break
    except UnicodeEncodeError:
        found.append("a text holds half a character")
    except ValueError as error:  # nested too deeply, or a number that JSON has not
        found.append(str(error)[:300])
    return found


class Registry:
    """All plugins that are installed, by id."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = dict(modules)
        self._loaded: dict[str, Plugin] = {}

    @property
    def ids(self) -> list[str]:
        """The ids of all plugins, in order."""
        return sorted(self._modules)

    def __contains__(self, id: str) -> bool:
        return id in self._modules

    def put(self, id: str, module: ModuleType) -> None:
        """Add a plugin that is in memory already, in the place of one with this id."""
        self._loaded[id] = _plugin(module)
        self._modules[id] = module.__name__

    def get(self, id: str) -> Plugin | None:
        """Return a plugin; None when there is none of this id.  Raises ImportError."""
        found = self._loaded.get(id)
        if found is None and id in self._modules:
            found = self._loaded[id] = _plugin(import_module(self._modules[id]))
        return found


def _plugin(module: ModuleType) -> Plugin:
    manifest: Any = getattr(module, "MANIFEST", None)
    if not isinstance(manifest, Manifest):
        raise ImportError(f"{module.__name__} has no MANIFEST")  # noqa: TRY004 - not for a caller
    run = cast("Run | None", getattr(module, "run", None))
    if run is None and not manifest.is_control:
        raise ImportError(f"{module.__name__} has no run")
    return Plugin(manifest, run)


def installed() -> Registry:
    """Return the registry of all installed packages."""
    return Registry(_modules())


@cache
def _modules() -> Mapping[str, str]:
    # What is installed does not change while a process lives, and looking takes milliseconds.
    return {each.name: each.value for each in entry_points(group=GROUP)}
