"""What of `proto/` the api writes; `mainspring schema` finds it by its entry point."""

from typing import Any

from mainspring_api.app import DOCUMENTED
from mainspring_api.documents import written
from mainspring_api.openapi import document


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of everything that the api can do."""
    return document(DOCUMENTED)


def documents() -> dict[str, bytes]:
    """Return each file of `proto/` that follows from the api's code, by its path there."""
    return {"openapi.json": written(DOCUMENTED)}
