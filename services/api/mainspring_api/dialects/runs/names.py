"""The names that expressions of a workflow may use, checked before anything runs.

`inputs`, `steps`, `env`, `trigger`, `execution` and `hooks` are all there is.  A step that names
another one depends on it, so it reads no result that is there only by chance; hooks run after the
work, so no step can read them, and each hook reads the steps and the hooks before it.
"""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from mainspring.domain.expression import Path
from mainspring.http.faults import Faults, shown
from mainspring_api.dialects.templates import Tree, check_below

ROOTS: Final = ("inputs", "steps", "env", "trigger", "execution", "hooks")
WORDS: Final = {"succeeded": "completed", "canceled": "cancelled"}
"""The dialect's words for the engine's statuses, where they are other ones."""

_ALIASES: Final = {
    "inputs": "payload.inputs",
    "trigger": "payload.trigger",
    "execution": "run",
    "hooks": "steps",
}
_LEAF: Final[Tree] = {}
_STEP: Final[Tree] = {"output": None, "error": _LEAF, "status": _LEAF}
_EXECUTION: Final[Tree] = {
    **dict.fromkeys(("id", "name", "version", "workflow_name", "workflow_version"), _LEAF),
    **dict.fromkeys(("project", "started_at", "duration_ms"), _LEAF),
    **dict.fromkeys(("status", "error", "failed_step"), _LEAF),
    "tags": None,
}
_GONE: Final = {
    "artifacts": "this server stores no artifacts",
    "payload": "what a run was given is in inputs, and what triggered it in trigger",
    "secrets": "credentials are not configured on this server",
    "workflow": "the run is execution, and its workflow execution.workflow_name",
}


def aliases(*, with_env: bool) -> dict[str, str]:
    """Return the engine's names for ours; `env` only where something reads it.

    Whoever begins a run knows by that whether it wants the environment (`beginnings.payload_of`).
    """
    return {**_ALIASES, **({"env": "payload.env"} if with_env else {})}


class Scope(NamedTuple):
    """What is in view of one step: `own` is its name, `before` the hooks that run before it."""

    own: str
    steps: Collection[str]
    hooks: Collection[str]
    inputs: Collection[str] | None
    is_hook: bool = False
    before: Collection[str] = ()

    def check(self, paths: Iterable[Path], place: str, faults: Faults) -> None:
        """Note what is wrong with the paths that an expression reads."""
        for path in sorted(paths):
            self._check(path, place, faults)

    def read(self, paths: Iterable[Path]) -> list[str]:
        """Return the steps whose results are read: what the step depends on by itself."""
        named = {path[1] for path in paths if path[:1] == ("steps",) and len(path) > 1}
        return sorted(name for name in named if name in self.steps and name != self.own)

    def _check(self, path: Path, place: str, faults: Faults) -> None:
        match path:
            case ("steps", *_):
                self._check_step(path, place, faults)
            case ("hooks", *_):
                self._check_hook(path, place, faults)
            case ("execution", *_):
                check_below(path, _EXECUTION, 1, place, faults)
            case ("inputs", name, *_) if self.inputs is not None and name not in self.inputs:
                self._no_input(name, place, faults)
            case (root, *_) if root not in ROOTS:
                said = _GONE.get(root)
                why = f": {said}" if said else faults.hint(root, ROOTS)
                faults.add(place, f'unknown name "{shown(root)}"{why}')
            case _:
                pass

    def _check_step(self, path: Path, place: str, faults: Faults) -> None:
        if len(path) == 1:
            if not self.is_hook:
                faults.add(place, "says not which step: write steps.<name> or steps['<name>']")
        elif path[1] == self.own:
            faults.add(place, f'step "{self.own}" cannot read itself')
        elif path[1] not in self.steps:
            faults.unknown(place, "step", path[1], self.steps)
        else:
            check_below(path, _STEP, 2, place, faults)

    def _check_hook(self, path: Path, place: str, faults: Faults) -> None:
        if not self.is_hook:
            faults.add(place, "hooks run after the work: no step can read them")
        elif len(path) > 1 and path[1] not in self.hooks:
            faults.unknown(place, "hook", path[1], self.hooks)
        elif len(path) > 1 and path[1] not in self.before:
            faults.add(place, f'hook "{shown(path[1])}" does not run before this one')
        else:
            check_below(path, _STEP, 2, place, faults)

    def _no_input(self, name: str, place: str, faults: Faults) -> None:
        if name == "trigger":
            faults.add(place, "what triggered a run is in trigger, not in inputs.trigger")
        else:
            faults.unknown(place, "input", name, self.inputs or ())
