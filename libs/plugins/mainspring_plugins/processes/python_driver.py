"""Runs the script of a `script.python` task: arguments in, the script, its result out.

`limits.py` runs it in its own interpreter, with no packages around.

    python -I -S limits.py … - python_driver.py SCRIPT RESULT < arguments as JSON
"""

import json
import sys
from typing import Any


def main(script: str, result: str) -> None:
    """Run a script file with `args`; write what it assigns to `result`, if it does."""
    names: dict[str, Any] = {"__name__": "__main__", "args": json.load(sys.stdin)}
    with open(script, encoding="utf-8") as file:
        code = compile(file.read(), "script", "exec")
    try:
        exec(code, names)  # noqa: S102 - it is what the task is for
    except SystemExit:
        keep(names, result)
        raise
    keep(names, result)


def keep(names: dict[str, Any], result: str) -> None:
    """Write the result into a file, if there is one."""
    if "result" in names:
        with open(result, "w", encoding="utf-8") as file:
            json.dump(names["result"], file, allow_nan=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
