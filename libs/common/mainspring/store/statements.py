"""The SQL of this package, by name: each statement is one file in `sql/`, loaded at import.

No SQL is put together from pieces anywhere: what runs can be read, explained and searched for.
A file that nobody names, or a name without a file, fails a test.
"""

from importlib.resources import files
from typing import Final


def _load() -> dict[str, str]:
    found = files("mainspring.store").joinpath("sql").iterdir()
    return {f.name[:-4]: f.read_text("utf-8") for f in found if f.name.endswith(".sql")}


SQL: Final = _load()
