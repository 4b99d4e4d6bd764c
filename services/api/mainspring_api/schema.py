"""Write the OpenAPI document to the standard output: `python -m mainspring_api.schema`.

A process of its own, because the command line imports no service.
"""

import sys
from typing import Any

from mainspring_api.app import OPERATIONS
from mainspring_api.documents import written
from mainspring_api.openapi import document


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of everything that the api can do."""
    return document(OPERATIONS)


if __name__ == "__main__":
    sys.stdout.buffer.write(written(OPERATIONS))
