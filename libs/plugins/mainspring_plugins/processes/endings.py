"""What tasks in processes of their own share: what they see, how they end."""

from collections.abc import Mapping
from typing import Any, Final

from mainspring.domain.message import Json
from mainspring.plugin import Context, PluginFailed
from mainspring_plugins.processes.jobs import Ended
from mainspring_plugins.processes.outputs import VARIABLE
from mainspring_plugins.support.asked import span
from mainspring_plugins.support.schema import Schema, named, of, text, whole

ENV: Final = named(
    "Variables of the environment, which is otherwise bare.",
    {"type": ["string", "number", "boolean"]},
)
TIMEOUT: Final = of(
    ["string", "number"],
    "How long it may run (30s, 1h30m, PT90S, or seconds); at most the task's own timeout.",
)
CONTAINED: Final = text(
    "The image of a container in which it runs, without network. The deployment has to allow "
    "container tasks too.",
    minLength=1,
)
TOLD: Final[dict[str, Schema]] = {
    "exit_code": whole("The exit code, which is 0: any other fails the task."),
    "stdout": text("What it wrote to standard output; of more than 1 MiB the beginning."),
    "stderr": text("What it wrote to standard error; of more than 1 MiB the beginning."),
}
OUTPUTS: Final = named(f"What it wrote to the file ${VARIABLE}: lines KEY=value, or a JSON object.")


def texts_of(env: Mapping[str, Json]) -> dict[str, str]:
    """Return an environment whose values are texts, true and false as in JSON."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in env.items()
    }


def seconds_of(given: Mapping[str, Json], context: Context) -> float:
    """Return how long the process may run.

    It ends a little before the call does, so that what it wrote is kept.
    """
    most = max(context.timeout - 1, context.timeout * 0.9)
    return min(span(given["timeout"], "timeout"), most) if "timeout" in given else most


def judge(found: Ended, output: dict[str, Any]) -> dict[str, Any]:
    """Return the output of what ended well; raise `PluginFailed` with it for what did not."""
    if found.timed_out:
        raise PluginFailed("the time was over: killed", output=output, fault="timeout")
    if found.exit_code != 0:
        raise PluginFailed(_reason(found), output=output)
    return output


def _reason(found: Ended) -> str:
    lines = found.stderr.strip().splitlines()
    last = f": {lines[-1][:300]}" if lines else ""
    if found.exit_code < 0:
        return f"it was ended by signal {-found.exit_code}{last}"
    return f"it ended with exit code {found.exit_code}{last}"


def told(found: Ended) -> dict[str, Any]:
    """Return the output but for what the task handed on, or made."""
    return {
        "exit_code": found.exit_code,
        "stdout": found.stdout,
        "stderr": found.stderr,
    }
