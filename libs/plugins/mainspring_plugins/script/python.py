"""`script.python`: a Python script with the standard library, where the deployment allows that.

Its result is what it assigns to `result`.  A script that assigns nothing gives the last line that
it prints, when that is JSON; so a script that ends with `print(json.dumps(...))` works as it is.
"""

import marshal
from pathlib import Path
from typing import Final

import msgspec

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.processes import python_driver
from mainspring_plugins.processes.endings import (
    ENV,
    TIMEOUT,
    TOLD,
    judge,
    seconds_of,
    texts_of,
    told,
)
from mainspring_plugins.processes.jobs import (
    Job,
    ended,
    fresh_folder,
    into_log,
    must_be_allowed,
)
from mainspring_plugins.processes.limits import HERE
from mainspring_plugins.processes.outputs import read_file
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.schema import anything, closed, gives, text
from mainspring_plugins.support.texts import as_bytes, as_json

_SCRIPT: Final = ".mainspring-script.py"
_RESULT: Final = ".mainspring-result.json"
_decode: Final = msgspec.json.Decoder().decode

MANIFEST: Final = Manifest(
    id="script.python",
    name="Python",
    category="Core",
    description=(
        "Runs a Python script with the standard library in a fresh folder. "
        "Its arguments are args; what it assigns to result, or else prints as its last line of "
        "JSON, is the result."
    ),
    input=closed(
        {
            "script": text("The script.", minLength=1),
            "args": anything("What the script finds as args.", default={}),
            "env": ENV,
            "timeout": TIMEOUT,
        },
        "script",
    ),
    output=gives({"result": anything("The result; null when there is none.")} | TOLD),
    needs="python",
    examples=(
        {
            "input": {"script": "result = sum(args['xs'])", "args": {"xs": [1, 2, 3]}},
            "output": {"result": 6, "stdout": "", "stderr": "", "exit_code": 0},
        },
        {
            "input": {"script": "import json\nprint(json.dumps({'n': 1}))"},
            "output": {"result": {"n": 1}, "stdout": '{"n": 1}\n', "stderr": "", "exit_code": 0},
        },
    ),
)


def job_of(given: dict[str, Json], context: Context, folder: Path) -> Job:
    """Return the process of a script that has been written into a folder."""
    return Job(
        command=(HERE, python_driver.__file__, str(folder / _SCRIPT), str(folder / _RESULT)),
        folder=folder,
        workdir=folder,
        env=texts_of(given.get("env", {})),
        stdin=arguments(given.get("args", {})),
        seconds=seconds_of(given, context),
        memory_mb=context.memory_mb,
    )


def arguments(args: Json) -> bytes:
    """Return the arguments as the driver reads them; raise a final `PluginFailed` for no JSON."""
    as_json(args)
    return marshal.dumps(args)


def result_of(assigned: bytes, stdout: str) -> Json:
    """Return what was assigned, else the last line when it is JSON, else null."""
    if assigned:
        try:
            return _decode(assigned)
        except (msgspec.DecodeError, RecursionError):
            raise refuse("the result is no JSON, or nested too deeply") from None
    lines = stdout.strip().splitlines()
    try:
        return _decode(lines[-1]) if lines else None
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return the script's result; raise `PluginFailed` with what it wrote when it fails."""
    must_be_allowed(context, "python")
    script = as_bytes(given["script"], "script")
    async with fresh_folder() as folder:
        (folder / _SCRIPT).write_bytes(script)
        found = await ended(job_of(given, context, folder), into_log(context))
        output = judge(found, told(found) | {"result": None})
        assigned = read_file(folder / _RESULT, context.max_output)
    return output | {"result": result_of(assigned, found.stdout)}
