"""`util.math`: arithmetic over named numbers, and nothing else.

The expression is parsed as Python's and walked over a list of what is allowed: no name is looked up
but variables and constants, no attribute is ever read, and nothing is evaluated by the language.
Whole numbers are bounded in bits before each operation that could make them larger, so that
`9**9**9` is refused and not computed.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from mainspring.domain.message import Json
from mainspring.plugin import Context, Manifest
from mainspring_plugins.support.failures import bad
from mainspring_plugins.support.schema import closed, gives, named, of, text, whole

Number: TypeAlias = int | float
MOST_CHARACTERS: Final = 2000
MOST_PARTS: Final = 500
MOST_BITS: Final = 1024
_PLACE: Final = "expression"

MANIFEST: Final = Manifest(
    id="util.math",
    name="Math",
    category="Utility",
    description=(
        "Evaluates an arithmetic expression over variables: + - * / // % **, comparisons, "
        "and, or, not, a if b else c, and functions such as round, min, sqrt and log."
    ),
    input=closed(
        {
            "expression": text("The expression.", minLength=1, maxLength=MOST_CHARACTERS),
            "variables": named(
                "Numbers, or lists of numbers for min, max, sum and avg, by name.",
                {
                    "type": ["number", "boolean", "array"],
                    "items": {"type": ["number", "boolean"]},
                },
                default={},
            ),
            "round": whole("Digits that the result keeps.", minimum=0, maximum=15),
        },
        "expression",
    ),
    output=gives({"result": of(["number", "boolean"], "The result.")}),
    examples=(
        {
            "input": {"expression": "price * (1 + vat)", "variables": {"price": 10, "vat": 0.2}},
            "output": {"result": 12.0},
        },
        {
            "input": {"expression": "sqrt(2) > 1.4 and max(xs) == 3", "variables": {"xs": [1, 3]}},
            "output": {"result": True},
        },
    ),
)


def _average(*numbers: Number) -> Number:
    return sum(numbers) / len(numbers)


def _total(*numbers: Number) -> Number:
    return sum(numbers)


_PLAIN: Final[tuple[Any, ...]] = (
    *(abs, round, math.floor, math.ceil, math.trunc, math.sqrt, math.cbrt, math.exp),
    *(math.log, math.log2, math.log10, math.sin, math.cos, math.tan, math.asin, math.acos),
    *(math.atan, math.atan2, math.sinh, math.cosh, math.tanh, math.hypot, math.degrees),
    *(math.radians, math.fmod, math.gcd),
)
_ALONE: Final[dict[str, Callable[..., Any]]] = {each.__name__: each for each in _PLAIN}
_MANY: Final[Mapping[str, Callable[..., Any]]] = {
    "min": min,
    "max": max,
    "sum": _total,
    "avg": _average,
}
_CONSTANTS: Final[Mapping[str, Number]] = {"pi": math.pi, "e": math.e, "tau": math.tau}
_ONE: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_TWO: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: operator.mod,
    ast.Pow: lambda left, right: left**right,
}
_COMPARED: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def calculate(expression: str, variables: Mapping[str, Json]) -> Number:
    """Return the value of an expression; raise a final `PluginFailed` with what is wrong."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError as error:
        raise bad(_PLACE, f"column {error.offset or 1}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise bad(_PLACE, "cannot be read") from None
    if sum(1 for _ in ast.walk(tree)) > MOST_PARTS:
        raise bad(_PLACE, f"has more than {MOST_PARTS} parts")
    try:
        return _number(_value(tree.body, variables))
    except ZeroDivisionError:
        raise bad(_PLACE, "divides by zero") from None
    except OverflowError:
        raise bad(_PLACE, "a number becomes too large") from None
    except (ValueError, TypeError) as error:
        raise bad(_PLACE, str(error)) from None


def _value(node: ast.expr, names: Mapping[str, Json]) -> Any:  # noqa: ANN401 - number or numbers
    match node:
        case ast.Constant(value=int() | float() as number):
            return _small(number)
        case ast.Name(id=name):
            return _named(name, names)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _ONE:
            return _ONE[type(op)](_number(_value(operand, names)))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _TWO:
            return _joined(op, _number(_value(left, names)), _number(_value(right, names)))
        case ast.Compare():
            return _compared(node, names)
        case ast.BoolOp(op=op, values=values):
            wanted = isinstance(op, ast.Or)
            return any(wanted == bool(_value(each, names)) for each in values) == wanted
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, names) else orelse, names)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _called(name, [_value(each, names) for each in args])
        case _:
            raise bad(_PLACE, f"column {node.col_offset + 1}: this is no arithmetic")


def _named(name: str, names: Mapping[str, Json]) -> Json:
    if name in names:
        return names[name]
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    raise bad(_PLACE, f"there is no variable {name}")


def _compared(node: ast.Compare, names: Mapping[str, Json]) -> bool:
    left = _value(node.left, names)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        if type(op) not in _COMPARED:
            raise bad(_PLACE, f"column {node.col_offset + 1}: this is no comparison")
        right = _value(comparator, names)
        if not _COMPARED[type(op)](left, right):
            return False
        left = right
    return True


def _joined(op: ast.operator, left: Number, right: Number) -> Number:
    if isinstance(op, ast.Pow) and isinstance(left, int) and isinstance(right, int):
        _powers(left, right)
    return _small(_TWO[type(op)](left, right))


def _powers(base: int, exponent: int) -> None:
    """Refuse a power before it is computed."""
    if abs(exponent) * base.bit_length() > MOST_BITS:
        raise OverflowError


def _called(name: str, given: list[Any]) -> Number:
    if name in _MANY:
        is_list = len(given) == 1 and isinstance(given[0], list)
        numbers = cast("list[Any]", given[0]) if is_list else given
        if not numbers:
            raise ValueError(f"{name}() has no numbers")
        return _small(_MANY[name](*map(_number, numbers)))
    if name not in _ALONE:
        raise bad(_PLACE, f"there is no function {name}")
    if name == "round" and len(given) == 2 and not -20 <= given[1] <= 20:
        raise ValueError("round() keeps at most 20 digits")
    return _small(_ALONE[name](*map(_number, given)))


def _number(value: Any) -> Number:  # noqa: ANN401 - it is asked what it is
    if isinstance(value, int | float):
        return value
    raise ValueError("a list of numbers, or a power that is no real number, is no number")


def _small(value: Any) -> Number:  # noqa: ANN401 - it is asked what it is
    number = _number(value)
    if isinstance(number, int) and number.bit_length() > MOST_BITS:
        raise OverflowError
    return number


def rounded(result: Number, digits: int | None) -> Number:
    """Return a result that JSON can hold; raise a final `PluginFailed` for one that it cannot."""
    if isinstance(result, float) and not math.isfinite(result):
        raise bad(_PLACE, "the result is no finite number")
    if isinstance(result, int) and result.bit_length() > 63:
        raise bad(_PLACE, "the result has more than 63 bits")
    if digits is None or isinstance(result, int):
        return result
    return round(result, int(digits))


async def run(given: dict[str, Json], context: Context) -> dict[str, Json]:
    """Return the expression's value."""
    result = calculate(given["expression"], given.get("variables", {}))
    return {"result": rounded(result, given.get("round"))}
