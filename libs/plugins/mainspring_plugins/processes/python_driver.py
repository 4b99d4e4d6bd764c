"""Runs the script of a `script.python` task: arguments in, the script, its result out.

`limits.py` runs it in its own interpreter, with no packages around.

    python -I -S limits.py … - python_driver.py SCRIPT RESULT [PACKAGES] < marshalled arguments

In a container the image's own Python runs it, with the packages that the image has.

To import json or typing takes about as long as to start the interpreter.  So the arguments, which
come from the service, are not in JSON; the result, which comes from a stranger, is, but a simple
one needs no module for that.
"""

import marshal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(script: str, result: str, packages: str = "") -> None:
    """Run a script file with `args`; write what it assigns to `result`, if it does."""
    if packages:
        import site  # noqa: PLC0415 - only who asks for packages waits for it

        site.addsitedir(packages)
    names: dict[str, object] = {
        "__name__": "__main__",
        "args": marshal.loads(sys.stdin.buffer.read()),  # noqa: S302 - the service wrote it
    }
    with open(script, encoding="utf-8") as file:
        code = compile(file.read(), "script", "exec")
    try:
        exec(code, names)  # noqa: S102 - it is what the task is for
    except SystemExit:
        keep(names, result)
        raise
    keep(names, result)


def keep(names: "dict[str, object]", result: str) -> None:
    """Write the result into a file, if there is one."""
    if "result" in names:
        text = simple(names["result"])
        if text is None:
            import json  # noqa: PLC0415 - it is slow, see above

            text = json.dumps(names["result"], allow_nan=False)
        with open(result, "w", encoding="utf-8") as file:
            file.write(text)


def simple(value: "Any") -> "str | None":  # noqa: ANN401 - whatever the script made
    """Return the JSON of a scalar, or of a list or object of them; None where json must do it."""
    if value.__class__ is list:
        texts = [scalar(each) for each in value]
        return None if None in texts else "[" + ",".join(map(str, texts)) + "]"
    if value.__class__ is dict:
        pairs = [(scalar(name), scalar(each)) for name, each in value.items()]
        if any(type(name) is not str for name in value) or any(None in pair for pair in pairs):
            return None
        return "{" + ",".join(f"{name}:{each}" for name, each in pairs) + "}"
    return scalar(value)


def scalar(value: "Any") -> "str | None":  # noqa: ANN401 - whatever the script made
    """Return the JSON of a plain text, a finite number, true, false or null; None for all else."""
    if type(value) is str:
        is_plain = value.isascii() and value.isprintable() and not {'"', "\\"} & set(value)
        return f'"{value}"' if is_plain else None
    if type(value) is float:
        return repr(value) if value - value == 0 else None
    if type(value) is bool:
        return "true" if value else "false"
    return "null" if value is None else repr(value) if type(value) is int else None


if __name__ == "__main__":
    main(*sys.argv[1:])
