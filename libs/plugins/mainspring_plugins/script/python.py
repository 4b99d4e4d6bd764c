"""`script.python`: a Python script with the standard library, where the deployment allows that.

Its result is what it assigns to `result`.  A script that assigns nothing gives the last line that
it prints, when that is JSON; so a script that ends with `print(json.dumps(...))` works as it is.
With an image its Python runs the script in a container, where the deployment allows these too.
"""

import marshal
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from mainspring.domain.message import Json, replace
from mainspring.plugin import Context, Manifest
from mainspring_plugins.processes import owners, python_driver
from mainspring_plugins.processes.containers import OUTPUTS as HANDED_ON_AT
from mainspring_plugins.processes.containers import SCRIPT, Container, image_of, laid_out
from mainspring_plugins.processes.endings import (
    CONTAINED,
    ENV,
    TIMEOUT,
    TOLD,
    judge,
    seconds_of,
    texts_of,
    told,
)
from mainspring_plugins.processes.engines import contained, engine_for, name_of
from mainspring_plugins.processes.jobs import (
    Ended,
    Job,
    ended,
    fresh_folder,
    hand_over,
    into_log,
    must_be_allowed,
    task_folder,
    write_script,
)
from mainspring_plugins.processes.limits import HERE
from mainspring_plugins.processes.outputs import read_file
from mainspring_plugins.processes.requirements import packages_for
from mainspring_plugins.support.failures import bad, refuse
from mainspring_plugins.support.schema import anything, closed, gives, several, text
from mainspring_plugins.support.texts import as_bytes, as_json

_SCRIPT: Final = ".mainspring-script.py"
_RESULT: Final = ".mainspring-result.json"
_DRIVER: Final = "/mainspring/driver"
_SPOKEN: Final = 2
"""The version of marshal's format that every Python 3 reads, whichever an image has."""
_decode: Final = msgspec.json.Decoder().decode

MANIFEST: Final = Manifest(
    id="script.python",
    name="Python",
    category="Core",
    description=(
        "Runs a Python script in a fresh folder, or in a container of an image. "
        "Its arguments are args; what it assigns to result, or else prints as its last line of "
        "JSON, is the result."
    ),
    input=closed(
        {
            "script": text("The script.", minLength=1),
            "args": anything("What the script finds as args.", default={}),
            "env": ENV,
            "timeout": TIMEOUT,
            "requirements": several(
                "Packages that it imports, such as attrs>=23, taken as wheels. Only where the "
                "deployment allows that (MAINSPRING_ALLOW_REQUIREMENTS).",
                {"type": "string", "minLength": 1, "maxLength": 200},
                maxItems=50,
            ),
            "image": CONTAINED,
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


def job_of(given: Mapping[str, Json], context: Context, folder: Path, packages: Path | None) -> Job:
    """Return the process of a script, written into a folder."""
    more = () if packages is None else (packages,)
    owner = owners.owner_for_tasks(folder, *owners.PYTHON, *more)
    own = task_folder(folder, owner)
    hand_over(own, owner)
    write_script(folder / _SCRIPT, as_bytes(given["script"], "script"), owner)
    words = (folder / _SCRIPT, own / _RESULT, *more)
    return Job(
        command=(HERE, python_driver.__file__, *map(str, words)),
        folder=own,
        workdir=own,
        env=texts_of(given.get("env", {})),
        stdin=arguments(given.get("args", {})),
        seconds=seconds_of(given, context),
        memory_mb=context.memory_mb,
        who=owners.who(owner),
    )


def container_of(given: Mapping[str, Json], context: Context, folder: Path) -> Container:
    """Return the container of a script, what it is given written into a folder."""
    env = {"HOME": "/tmp"} | texts_of(given.get("env", {}))  # noqa: S108 - the container's own
    files = [(SCRIPT, as_bytes(given["script"], "script")), (_DRIVER, _driver())]
    return Container(
        name=name_of(context),
        image=image_of(given),
        entrypoint="python3",
        command=("-I", _DRIVER, SCRIPT, HANDED_ON_AT),
        memory_mb=context.memory_mb,
        is_spoken_to=True,
        **laid_out(folder, env, files),
    )


@cache
def _driver() -> bytes:
    return Path(python_driver.__file__).read_bytes()


def arguments(args: Json) -> bytes:
    """Return the arguments as the driver reads them; raise a final `PluginFailed` for no JSON."""
    as_json(args)
    return marshal.dumps(args, _SPOKEN)


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
    if "image" in given and given.get("requirements"):
        raise bad("requirements", "are not for an image: name one that has them")
    async with fresh_folder() as folder:
        done = _in_container if "image" in given else _here
        found, written = await done(given, context, folder)
        output = judge(found, told(found) | {"result": None})
        assigned = read_file(written, context.max_output)
    return output | {"result": result_of(assigned, found.stdout)}


async def _here(given: Mapping[str, Json], context: Context, folder: Path) -> tuple[Ended, Path]:
    seconds = seconds_of(given, context)
    wanted, since = given.get("requirements"), context.clock.monotonic()
    packages = await packages_for(wanted, context, seconds) if wanted else None
    job = job_of(given, context, folder, packages)
    left = max(0.1, seconds - (context.clock.monotonic() - since))
    found = await ended(replace(job, seconds=left), into_log(context))
    return found, job.folder / _RESULT


async def _in_container(
    given: Mapping[str, Json], context: Context, folder: Path
) -> tuple[Ended, Path]:
    engine, seconds = await engine_for(context), seconds_of(given, context)
    container, stdin = container_of(given, context, folder), arguments(given.get("args", {}))
    found = await contained(engine, container, context, seconds=seconds, stdin=stdin)
    return found, container.outputs
