"""The query of a request as plain names and texts."""

import re
from typing import Final

from starlette.requests import Request

from mainspring.domain.errors import DefinitionInvalid
from mainspring.http.faults import shown

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What no name has in it, and what PostgreSQL partly cannot store."""


def query_of(request: Request) -> dict[str, str]:
    """Return the query's parameters, of each name the last; raise `DefinitionInvalid`."""
    found = dict(request.query_params)
    wrong = [name for name, text in found.items() if CONTROL.search(name + text)]
    if wrong:
        raise DefinitionInvalid([f"{shown(name)}: has control characters in it" for name in wrong])
    return found
