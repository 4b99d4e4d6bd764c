"""The grammar of JSON Logic: what an operation is, and how its faults are worded."""

from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.values import ROOT, Path, Value, kind


def operation(rule: dict[str, Value]) -> tuple[str, list[Value]]:
    """Return name and arguments; an object of none or several keys raises `ExpressionFailed`."""
    if len(rule) != 1:
        raise ExpressionFailed(wrong_keys(rule))
    ((name, args),) = rule.items()
    return name, args if isinstance(args, list) else [args]


def key_path(name: Value) -> Path:
    """Return the path that a name of `var` or `missing` means; raise `ExpressionFailed`."""
    if name is None or name == "":
        return ROOT
    if isinstance(name, str):
        return tuple(name.split("."))
    if isinstance(name, int) and not isinstance(name, bool) and name >= 0:
        return (str(name),)
    raise ExpressionFailed(f"var: {kind(name)} is not a name")


def wrong_keys(rule: dict[str, Value]) -> str:
    """Return the fault of an object that is no operation."""
    return f"an operation has exactly one key, not {len(rule)}"


def wrong_count(count: int, low: int, high: int) -> str:
    """Return the fault of an operation with too few or too many arguments."""
    if low == high:
        takes = f"{low}"
    elif high > 1000:
        takes = f"{low} or more"
    else:
        takes = f"{low} to {high}"
    return f"takes {takes} values, got {count}"


def unknown(name: str) -> str:
    """Return the fault of an operation that does not exist."""
    return f'unknown operator "{name[:40]}"'
