"""What of `proto/` the api writes; `mainspring schema` finds it by its entry point."""

from mainspring_api.app import OPERATIONS
from mainspring_api.documents import written


def documents() -> dict[str, bytes]:
    """Return each file of `proto/` that follows from the api's code, by its path there."""
    return {"openapi.json": written(OPERATIONS)}
