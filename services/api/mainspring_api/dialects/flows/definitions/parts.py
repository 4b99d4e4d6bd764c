"""What the handlers of flows share: who asks, in which namespace, and what they sent."""

from typing import TypeVar, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid
from mainspring.domain.expression.values import kind
from mainspring.domain.message import Json
from mainspring.http import bodies
from mainspring.http.caller import DEFAULT_PROJECT, Caller, caller_of
from mainspring.http.faults import Faults
from mainspring.http.reading import read
from mainspring_api.dialects.flows.definitions.form import Namespace

T = TypeVar("T")
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")


def named_namespace(request: Request, named: str | None = None) -> str | None:
    """Return the namespace that a request names, None when it names none.

    It may stand in the body (`named`), in the query and in a header, and then everywhere the same.
    Raises `DefinitionInvalid`.
    """
    query = request.query_params.get("namespace")
    if named is not None and query is not None and named != query:
        raise DefinitionInvalid(["namespace: is not the one in the query"])
    told = query if named is None else named
    header = request.headers.get("x-project-id")
    if told is not None and header is not None and told != header:
        raise DefinitionInvalid(["namespace: is not the one that X-Project-Id names"])
    return header if told is None else told


def caller_in(request: Request, namespace: str | None) -> Caller:
    """Return who asks for something in a namespace, by default in `default`.

    Raises `DefinitionInvalid` for what no namespace is called.
    """
    if namespace is not None:
        faults = Faults()
        read(namespace, cast("type[str]", Namespace), faults, "namespace")
        faults.check()
    return caller_of(request, project=DEFAULT_PROJECT if namespace is None else namespace)


async def object_sent(request: Request) -> tuple[bytes, dict[str, Json]]:
    """Return the body as it was sent, and the members of the object that it is.

    YAML stands for an object with this text alone.  Raises 415, `DefinitionInvalid`.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent in YAML:
        raw = await request.body()
        try:
            return raw, {"yamlContent": raw.decode("utf-8-sig")}
        except UnicodeDecodeError:
            raise DefinitionInvalid(["the body is not UTF-8"]) from None
    if not sent.endswith(("/json", "+json")):
        text = "the content type must be application/json or application/yaml"
        raise HTTPException(415, text)
    raw = await bodies.read_json(request)
    return raw, object_in(raw)


def object_in(raw: bytes) -> dict[str, Json]:
    """Return the members of the JSON object that a body is; raise `DefinitionInvalid`."""
    found = bodies.value(raw)
    if not isinstance(found, dict):
        raise DefinitionInvalid([f"the body must be an object, not {kind(found)}"])
    return cast("dict[str, Json]", found)


def form_of(sent: dict[str, Json], wanted: type[T]) -> T:
    """Return what was sent as a struct; raise `DefinitionInvalid` with all its faults."""
    faults = Faults()
    found = read(sent, wanted, faults)
    faults.check()
    assert found is not None, "what has no fault can be read"  # noqa: S101
    return found
