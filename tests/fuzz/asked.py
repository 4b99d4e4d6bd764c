"""Schemathesis asks the whole platform what the OpenAPI document allows, and follows its links.

    python -m tests.fuzz.asked SECONDS [more arguments of schemathesis run]

Our own tests of nonsense know what the routes are made of.  This one knows nothing but the
document: bodies are made from their schemas, and what an answer is linked to is asked for with the
names that stood in it.  It lives in an environment of its own, since it asks for other releases of
what the engine runs on: pinning these for its sake, the rival, would choose what runs in
production by what a tool of the workshop can read.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mainspring.testing.stack import platform

ROOT: Final = Path(__file__).resolve().parents[2]
LOCKED: Final = ROOT / "requirements" / "schemathesis.txt"
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
STREAMS: Final = r"(stream|logs)$"
"""Paths whose answers do not end: what follows their head is no answer to the input."""

_LAZY: Final = 19


def arguments(url: str, seconds: float) -> list[str]:
    """Return how a platform is to be asked for so long."""
    told = {
        "phases": "examples,fuzzing,stateful",
        "mode": "positive",  # texts that are wrong are for `test_anything`, which is quicker
        "max-time": f"{seconds:g}",
        "max-examples": "20",
        "checks": ",".join(CHECKS),
        "exclude-path-regex": STREAMS,
        "suppress-health-check": "all",
        "generation-database": "none",
        "header": "X-Project-Id:asked",
        "request-timeout": "20",
        "warnings": "off",
    }
    options = [f"--{name}={text}" for name, text in told.items()]
    return ["run", f"{url}/openapi.json", "--no-color", "--continue-on-failure", *options]


def program() -> Path:
    """Return the program, in an environment that has what is locked."""
    folder = Path(sys.prefix) / "schemathesis"
    stamp = folder / hashlib.sha256(LOCKED.read_bytes()).hexdigest()
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
        subprocess.run([*pip, "install", "--require-hashes", "-r", str(LOCKED)], check=True)
        stamp.touch()
    return folder / "bin" / "schemathesis"


def main(argv: Sequence[str]) -> int:
    """Ask for so many seconds; return 0 when every answer was one that is told of."""
    seconds, *more = argv
    os.nice(_LAZY)
    asking = program()
    with platform() as whole:
        command = [str(asking), *arguments(whole.api, float(seconds)), *more]
        asked = subprocess.Popen(command, cwd=asking.parent)  # it leaves a folder where it runs
        try:
            return asked.wait()
        finally:
            asked.kill()
            asked.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
