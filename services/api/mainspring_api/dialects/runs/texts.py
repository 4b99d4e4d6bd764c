"""The YAML in a request, and what it means in a project: the same for whoever stores it or asks."""

from asyncio import to_thread
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid, NotFound
from mainspring.http import bodies
from mainspring.http.faults import Faults
from mainspring.http.reading import read
from mainspring.plugin import installed
from mainspring_api.context import Api
from mainspring_api.dialects.runs import actions, answers
from mainspring_api.dialects.runs.compile import (
    MOST_CHILDREN,
    Workflow,
    children_of,
    compile_workflow,
    name_of,
)
from mainspring_api.dialects.runs.found import lineage_of, runnable
from mainspring_api.dialects.runs.starts import check_paths
from mainspring_api.dialects.yamls import LARGEST, Document, DocumentInvalid, Fault, read_yaml

LARGE: Final = 1 << 14
"""Characters from which on a text is read in a thread of its own."""

P = ParamSpec("P")
T = TypeVar("T")
YAML: Final = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain")


async def text_in(request: Request) -> tuple[bytes, str]:
    """Return the body as it was sent and the YAML in it; raise 413, 415, `DefinitionInvalid`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    raw = await request.body()
    if kind in YAML:
        return raw, _fitting(_decoded(raw))
    if kind != "application/json" and not kind.endswith("+json"):
        said = (
            "the content type must be application/yaml, text/yaml, text/plain or application/json"
        )
        raise HTTPException(415, said)
    faults = Faults()
    sent = read(bodies.value(raw.strip() or b"{}"), answers.Content, faults)
    faults.check()
    if sent is None:
        raise DefinitionInvalid(["content: is missing"])
    return raw, _fitting(sent.content)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise DocumentInvalid([Fault(line, column, "", "the text is not UTF-8")]) from None


def _fitting(text: str) -> str:
    if len(text) > LARGEST or len(text.encode(errors="replace")) > LARGEST:
        raise HTTPException(413, f"a workflow is larger than {LARGEST} bytes")
    return text


async def apart(text: str, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Return what a function makes of a text; of a large one beside the loop."""
    if len(text) < LARGE:
        return function(*args, **named)
    return await to_thread(function, *args, **named)


class Reading:
    """One text, read in a project.

    What is large is read beside the loop: a text that takes a second keeps nobody else waiting.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults = Faults()
        self.document = Document(None)

    @property
    def name(self) -> str | None:
        """The name that the text gives itself, once it has been read."""
        return name_of(self.document.data)

    async def compiled(self, api: Api, project: str, named: str | None = None) -> Workflow:
        """Return what the text means; raise `DocumentInvalid` with all its faults.

        `named` is what it has to be called, if it has to be called something.
        """
        self.document = await apart(self.text, read_yaml, self.text, self.faults)
        if named is not None and self.name is not None and self.name != named:
            self.faults.add("name", f'is not the name in the path, "{named}"')
        known = actions.Known(PLUGINS, await self._workflows(api, project), self.name or "")
        found = await apart(self.text, compile_workflow, self.document, known, self.faults)
        line = await lineage_of(api, project, found.definition.name)
        id = "" if line is None else line.id
        await check_paths(api, project, id, found.starts, self.faults)
        self.document.check(self.faults)
        return found

    async def _workflows(self, api: Api, project: str) -> dict[tuple[str, int | None], actions.Pin]:
        """Return those of the workflows named in it that are there."""
        asked = children_of(self.document.data)
        if len(asked) > MOST_CHILDREN:
            self.faults.add("steps", f"run more than {MOST_CHILDREN} other workflows")
            # Nobody looks for the rest, so nothing is said of them.
        pins = dict.fromkeys(asked[MOST_CHILDREN:], actions.Pin("", None))
        for name, version in asked[:MOST_CHILDREN]:
            if name == self.name and version is None:
                pins[name, version] = actions.Pin("", None)
                continue
            try:
                found = await runnable(api, project, name, version)
            except NotFound:
                continue  # it is told with all the other faults
            hash = None if version is None else found.row.compiled
            pins[name, version] = actions.Pin(found.id, hash)
        return pins


PLUGINS: Final = installed()
"""The plugins of this deployment."""
