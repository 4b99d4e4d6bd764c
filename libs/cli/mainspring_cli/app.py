"""The verbs of `mainspring`."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import typer

from mainspring.domain.errors import MainspringError
from mainspring.http.instants import shown
from mainspring.runtime.binaries import BinaryNotFound
from mainspring.runtime.identity import NobodyCannotEnter
from mainspring.runtime.servers import ServerFailed
from mainspring_cli.dev import run_dev
from mainspring_cli.doctor import Consultation, consult
from mainspring_cli.home import Home, HomeTaken, PortTaken
from mainspring_cli.parts import StackFailed, is_ready
from mainspring_cli.say import Say
from mainspring_cli.schema import NothingToWrite, documents, parted, write
from mainspring_cli.store import StoreAway, migrate_database, rebuild_views, verify_log
from mainspring_cli.workflows import app as workflows

app = typer.Typer(
    name="mainspring",
    help="Durable workflows over HTTP: the local stack and the platform's verbs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(workflows)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
HomeFolder = Annotated[
    Path, typer.Option("--home", envvar="MAINSPRING_HOME", help="Where the local stack lives.")
]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database-url",
        envvar="MAINSPRING_DATABASE_URL",
        show_envvar=True,
        help="The database; that of the local stack when it is not given.",
    ),
]
HERE = Path(".mainspring")
PROTO = Path("proto")
EXPECTED = (
    StackFailed,
    StoreAway,
    ServerFailed,
    HomeTaken,
    PortTaken,
    BinaryNotFound,
    NobodyCannotEnter,
    NothingToWrite,
    MainspringError,
    OSError,
)


@app.command()
def dev(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Stop after the sample saga.")] = False,
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Start PostgreSQL, NATS and the four services, and run a sample saga."""
    say = Say(as_json=as_json)
    with _failures_said(say):
        raise typer.Exit(run_dev(Home(home), say, demo=demo))


@app.command()
def status(*, home: HomeFolder = HERE, as_json: AsJson = False) -> None:
    """Ask each service of the local stack whether it is ready; exit 1 when one is not."""
    say = Say(as_json=as_json)
    here = Home(home)
    urls: dict[str, str] = here.announced().get("services", {})
    if not urls or not here.is_taken():
        say.failure("no_stack", f"no local stack runs in {home}; `mainspring dev` starts one")
        raise typer.Exit(1)
    ready = asyncio.run(_ask(urls))
    rows = [[name, url, "ready" if ready[name] else "not ready"] for name, url in urls.items()]
    say.table("status", ["service", "url", "state"], rows)
    raise typer.Exit(0 if all(ready.values()) else 1)


@app.command()
def migrate(
    *, database_url: DatabaseUrl = "", home: HomeFolder = HERE, as_json: AsJson = False
) -> None:
    """Bring the database to the newest schema; safe to run at any time, by many at once."""
    say = Say(as_json=as_json)
    with _failures_said(say):
        dsn = _database(database_url, home)
        ran = asyncio.run(migrate_database(dsn, lambda line: say.line("migration", line)))
        say.line("migrated", "the schema is the newest", migrations=ran)


@app.command()
def verify(
    stream: Annotated[str, typer.Argument(help="CATEGORY/ID; the whole log without it.")] = "",
    *,
    database_url: DatabaseUrl = "",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Prove that the log is what was appended, or name the first event that is not; then exit 1."""
    say = Say(as_json=as_json)
    if stream and "/" not in stream:
        raise typer.BadParameter(f"CATEGORY/ID is wanted, as in execution/0199…, not {stream}")
    with _failures_said(say):
        dsn = _database(database_url, home)
        with say.counting("verifying", "events") as progress:
            verdict = asyncio.run(verify_log(dsn, stream, progress))
    walked = f"{verdict.events} events in {verdict.streams} streams"
    if stream and verdict.is_whole and not verdict.events:
        say.failure("no_stream", f"there is no stream {stream}")
        raise typer.Exit(1)
    if (fault := verdict.first) is None:
        say.line("whole", f"{walked}: whole", events=verdict.events, streams=verdict.streams)
        return
    where = f"{fault.stream.category}/{fault.stream.id}, version {fault.version}"
    text = f"{walked}; {verdict.faults} streams have a fault, the first at {where}: {fault.why}"
    say.failure("broken", text, verdict=msgspec.to_builtins(verdict))
    raise typer.Exit(1)


@app.command()
def rebuild(
    *, database_url: DatabaseUrl = "", home: HomeFolder = HERE, as_json: AsJson = False
) -> None:
    """Build the views anew from the log, beside the live ones, and swap them in."""
    say = Say(as_json=as_json)
    with _failures_said(say):
        dsn = _database(database_url, home)
        built = asyncio.run(rebuild_views(dsn, lambda line: say.line("progress", line)))
        text = f"{built.events} events of {built.streams} streams are {built.rows} rows"
        say.line("rebuilt", text, rebuilt=msgspec.to_builtins(built))


@app.command()
def doctor(
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is found.")] = False,
    grace: Annotated[
        float, typer.Option("--grace", min=0, help="Seconds for which something may be late.")
    ] = 60.0,
    nats_url: Annotated[
        str,
        typer.Option(
            "--nats-url",
            envvar="MAINSPRING_NATS_URL",
            show_envvar=True,
            help="The broker, to hand out at once what is owed; not needed.",
        ),
    ] = "",
    database_url: DatabaseUrl = "",
    home: HomeFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List what has not ended and will not move, or mend it; exit 1 when anything is wrong."""
    say = Say(as_json=as_json)
    with _failures_said(say):
        dsn = _database(database_url, home)
        # The stack's own broker goes with its own database, and with no other.
        broker = nats_url or ("" if database_url else Home(home).announced().get("nats_url", ""))
        seen = asyncio.run(consult(dsn, broker, repair=repair, grace=grace))
    _tell(say, seen)
    raise typer.Exit(1 if seen.left else 0)


def _tell(say: Say, seen: Consultation) -> None:
    if seen.found:
        rows = [[one.kind, one.id, one.project, shown(one.since), one.remedy] for one in seen.found]
        say.table("ailing", ["kind", "id", "project", "since", "remedy"], rows)
    for one in seen.treated:
        fields = {"kind": one.ailment.kind, "id": one.ailment.id}
        say.line("treated", f"{one.ailment.kind} {one.ailment.id}: {one.done}", **fields)
    if not seen.left:
        say.line("well", "everything moves", found=len(seen.found), left=0)
        return
    if seen.treated:
        for one in seen.left:
            say.problem("left", f"{one.kind} {one.id} is still wrong", kind=one.kind, id=one.id)
    text = f"{len(seen.left)} things do not move as they should"
    say.failure("unwell", text, found=len(seen.found), left=len(seen.left))


@app.command()
def schema(
    *,
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.")] = PROTO,
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 1 if parted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the contracts out from the code, for other languages to read."""
    say = Say(as_json=as_json)
    with _failures_said(say):
        wanted = documents()
    paths = parted(out, wanted)
    if not check:
        write(out, wanted, paths)
    for path in paths:
        say.line("parted" if check else "written", f"{'parted' if check else 'wrote'} {out / path}")
    say.line("documents", f"{len(wanted)} documents, {len(paths)} parted from the code")
    raise typer.Exit(1 if check and paths else 0)


def _database(named: str, home: Path) -> str:
    """Return the database that was named, or that of the local stack."""
    dsn: str = named or Home(home).announced().get("database_url", "")
    if not dsn:
        raise StoreAway(f"no database: set MAINSPRING_DATABASE_URL, or start a stack in {home}")
    return dsn


@contextmanager
def _failures_said(say: Say) -> Generator[None]:
    """Turn what may well go wrong into one clear text and exit code 1."""
    try:
        yield
    except EXPECTED as failure:
        say.failure("failed", str(failure))
        raise typer.Exit(1) from None


async def _ask(urls: dict[str, str]) -> dict[str, bool]:
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        answers = await asyncio.gather(*(is_ready(client, url) for url in urls.values()))
    return dict(zip(urls, answers, strict=True))
