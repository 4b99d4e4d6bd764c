"""The verbs for workflows in YAML and for their executions, over the platform's HTTP interface."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, cast

import msgspec
import typer
import yaml

from mainspring_cli.home import Home
from mainspring_cli.remote import Away, Refused, Remote, part
from mainspring_cli.say import Say

app = typer.Typer()

HERE: Final = Path(".mainspring")
FALLBACK: Final = "http://127.0.0.1:8080"
FAILED: Final = 2
"""Exit code of a run that was begun and did not succeed."""

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
ApiUrl = Annotated[
    str,
    typer.Option(
        "--api-url",
        envvar="MAINSPRING_API_URL",
        show_envvar=True,
        help="The api; that of the local stack when it is not given.",
    ),
]
Project = Annotated[
    str, typer.Option("--project", envvar="MAINSPRING_PROJECT", help="The project.")
]
HomeFolder = Annotated[
    Path, typer.Option("--home", envvar="MAINSPRING_HOME", help="Where the local stack lives.")
]
File = Annotated[Path, typer.Argument(help="A workflow in YAML.", exists=True, dir_okay=False)]


def _remote(url: str, home: Path, project: str) -> Remote:
    announced: dict[str, str] = Home(home).announced().get("services", {})
    return Remote(url or announced.get("api", "") or FALLBACK, project)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Workflows in YAML.", exists=True)],
    *,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Tell all faults of workflows, each as file:line:column; exit 1 when there are any."""
    say = Say(as_json=as_json)
    remote = _remote(api_url, home, project)
    faulty = 0
    with _refusals_said(say):
        for file in files:
            found = remote.send_yaml("POST", "/api/v1/workflows/validate", _text(file))
            faults: list[dict[str, Any]] = found["errors"]
            for fault in faults:
                say.failure("fault", _told(file, fault), file=str(file), **fault)
            faulty += bool(faults)
            if not faults:
                say.line("valid", f"{file}: valid", file=str(file))
    raise typer.Exit(1 if faulty else 0)


@app.command()
def plan(
    file: File,
    *,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what applying a workflow would change."""
    say = Say(as_json=as_json)
    remote, text = _remote(api_url, home, project), _text(file)
    with _refusals_said(say, file):
        found = remote.send_yaml("POST", f"/api/v1/workflows/{part(_name(text))}/plan", text)
    for change in found["changes"]:
        say.line("change", _changed(change), **change)
    say.line("plan", found["summary"], changed=found["changed"], version=found["next_version"])


@app.command()
def apply(
    file: File,
    *,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a file the newest version of its workflow; the same content changes nothing."""
    say = Say(as_json=as_json)
    remote, text = _remote(api_url, home, project), _text(file)
    with _refusals_said(say, file):
        found = remote.send_yaml("PUT", f"/api/v1/workflows/{part(_name(text))}", text)
    name, version = found["name"], found["version"]
    said = f"applied {name} version {version}" if found["changed"] else f"{name}: no changes"
    say.line("applied", said, **found)


@app.command()
def run(  # noqa: PLR0913 - one argument a flag
    workflow: Annotated[str, typer.Argument(help="The name of a workflow of any dialect.")],
    *,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="NAME=VALUE; JSON where it is JSON.")
    ] = None,
    values: Annotated[
        Path | None, typer.Option("--values", help="A YAML or JSON file of inputs.", exists=True)
    ] = None,
    version: Annotated[int | None, typer.Option("--version", help="Not the newest one.")] = None,
    wait: Annotated[bool, typer.Option(help="Follow the run to its end.")] = True,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Run a workflow; exit 2 when the run does not succeed."""
    say = Say(as_json=as_json)
    remote = _remote(api_url, home, project)
    body: dict[str, Any] = {"inputs": _inputs(inputs or [], values)}
    if version is not None:
        body["version"] = version
    with _refusals_said(say):
        begun = remote.send("POST", f"/api/v1/run/{part(workflow)}", body)
        id = begun["execution_id"]
        say.line("begun", f"execution {id} of {begun['workflow']} {begun['version']}", **begun)
        ended = _follow(remote, say, id) if wait else "SUCCESS"
    raise typer.Exit(0 if ended == "SUCCESS" else FAILED)


@app.command()
def cancel(
    execution: str,
    *,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Cancel an execution, with all that it has started."""
    say = Say(as_json=as_json)
    with _refusals_said(say):
        found = _remote(api_url, home, project).send(
            "POST", f"/api/v1/cancel/{part(execution)}", {}
        )
    say.line("cancelled", f"{found['execution_id']} is {found['status']}", **found)


@app.command()
def executions(  # noqa: PLR0913 - one argument a flag
    *,
    workflow: Annotated[str | None, typer.Option("--workflow")] = None,
    status: Annotated[str | None, typer.Option("--status")] = None,
    since: Annotated[str | None, typer.Option("--since", help="90m, 7d, or an instant.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 20,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List executions, newest first."""
    say = Say(as_json=as_json)
    remote = _remote(api_url, home, project)
    with _refusals_said(say):
        found = remote.get(
            "/api/v1/executions", workflow=workflow, status=status, since=since, limit=limit
        )
    columns = ["id", "workflow", "version", "status", "started_at", "completed_at"]
    rows = [[str(each[name] or "") for name in columns] for each in found["executions"]]
    say.table("execution", columns, rows)


@app.command()
def logs(  # noqa: PLR0913 - one argument a flag
    execution: str,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until it has ended.")] = False,
    level: Annotated[str, typer.Option("--level")] = "TRACE",
    since: Annotated[int, typer.Option("--since", help="Only behind this number.")] = 0,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what an execution has said."""
    say = Say(as_json=as_json)
    remote, path = _remote(api_url, home, project), f"/api/v1/executions/{part(execution)}/logs"
    with _refusals_said(say):
        if follow:
            for frame in remote.follow(path, level=level, since=since):
                _say_frame(say, frame)
            return
        while page := remote.get(path, level=level, since=since, types="log,status,end"):
            for frame in page:
                _say_frame(say, frame)
            since = page[-1]["seq"]


@app.command()
def retry(
    execution: str,
    *,
    wait: Annotated[bool, typer.Option(help="Follow the new run to its end.")] = True,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Run a failed execution again from where it failed; exit 2 when that does not succeed."""
    say = Say(as_json=as_json)
    remote = _remote(api_url, home, project)
    with _refusals_said(say):
        begun = remote.send("POST", f"/api/v1/retry/{part(execution)}", {})
        id = begun["execution_id"]
        say.line("begun", f"execution {id} retries {execution}", **begun)
        ended = _follow(remote, say, id) if wait else "SUCCESS"
    raise typer.Exit(0 if ended == "SUCCESS" else FAILED)


@app.command()
def rollback(
    workflow: str,
    *,
    version: Annotated[
        int | None, typer.Option("--version", help="Which one; the one before the newest.")
    ] = None,
    api_url: ApiUrl = "",
    project: Project = "default",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make an older version's content the newest one again."""
    say = Say(as_json=as_json)
    body = {} if version is None else {"version": version}
    with _refusals_said(say):
        path = f"/api/v1/workflows/{part(workflow)}/rollback"
        found = _remote(api_url, home, project).send("POST", path, body)
    said = f"{found['name']} is at version {found['version']}"
    say.line("rolled_back", said if found["changed"] else f"{said}: no changes", **found)


def _follow(remote: Remote, say: Say, id: str) -> str:
    """Say what a run says until it has ended, and return how.

    A stream that is cut goes on behind the last frame.
    """
    since = 0
    while True:
        for frame in remote.follow(f"/api/v1/executions/{part(id)}/logs", since=since):
            since = frame["seq"]
            _say_frame(say, frame)
            if frame["type"] == "end":
                return frame["status"]


def _say_frame(say: Say, frame: dict[str, Any]) -> None:
    task = f" {frame['taskName']}" if frame.get("taskName") else ""
    match frame["type"]:
        case "log":
            said = f"{frame['timestamp']} {frame['level']:5}{task}: {frame['message']}"
        case "end":
            said = f"{frame['timestamp']} ended: {frame['status']}"
        case _:
            said = f"{frame['timestamp']} {frame['status']}{task}"
    if frame["type"] != "log" and frame.get("message"):
        said += f" ({frame['message']})"
    fields = {name: value for name, value in frame.items() if name != "type"}
    say.line(frame["type"], said, **fields)


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise typer.BadParameter(f"{file} cannot be read: {failure}") from None


def _name(text: str) -> str:
    """Return the name that a workflow's text gives it; what is wrong with it is told later."""
    try:
        name = _members(yaml.safe_load(text)).get("name")
    except (yaml.YAMLError, RecursionError):
        name = None
    return name if isinstance(name, str) and name else "unnamed"


def _members(found: object) -> dict[str, Any]:
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _inputs(given: list[str], values: Path | None) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    if values is not None:
        found: object = yaml.safe_load(_text(values))
        inputs |= _members(found)
        if not inputs:
            raise typer.BadParameter(f"{values} must hold a map of inputs")
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"NAME=VALUE is wanted, not {pair}")
        try:
            inputs[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            inputs[name] = text
    return inputs


def _told(file: Path, fault: dict[str, Any]) -> str:
    place = f" ({fault['path']})" if fault.get("path") else ""
    return f"{file}:{fault['line']}:{fault['column']}: error: {fault['message']}{place}"


def _changed(change: dict[str, Any]) -> str:
    sign = {"added": "+", "removed": "-"}.get(change["kind"], "~")
    values = [_short(change[name]) for name in ("before", "after") if name in change]
    return f"{sign} {change['path']}: {' -> '.join(values)}"


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else f"{text[:79]}…"


@contextmanager
def _refusals_said(say: Say, file: Path | None = None) -> Generator[None]:
    """Turn what the service refuses into clear lines and exit code 1."""
    try:
        yield
    except Refused as refused:
        for each in refused.details:
            fault = _members(each)
            if file is not None and "line" in fault:
                say.failure("fault", _told(file, fault), **fault)
            else:
                say.failure("fault", str(fault.get("message", each)))
        say.failure("refused", str(refused), status=refused.status)
        raise typer.Exit(1) from None
    except Away as away:
        say.failure("away", str(away))
        raise typer.Exit(1) from None
