"""How list plugins are told which value of an item is meant: by a path, or by an expression.

A path (`customer.id`, `rows[0].sku`, `/a/b`) is read within the item; what is not there is null.
Anything else is a Jinja expression over `item` and `index`, with or without braces;
there a name that is missing is a fault.  In a flow braces are rendered before the plugin sees them,
so the bare form is the one to write.
"""

from collections.abc import Callable
from typing import TypeAlias

from mainspring.domain.expression import ExpressionError
from mainspring.domain.expression.face import CompiledTemplate, compile_template
from mainspring.domain.expression.gathering import Gathering
from mainspring.domain.expression.values import Missing, Path, follow
from mainspring.domain.message import Json
from mainspring_plugins.support.failures import refuse
from mainspring_plugins.support.paths import is_path, parts
from mainspring_plugins.support.shapes import is_list, is_object

Pick: TypeAlias = Callable[[Json, int], Json]
Evaluate: TypeAlias = Callable[[dict[str, Json], str], Json]


def pick(text: str, place: str) -> Pick:
    """Return a function from an item and its index to the value meant.

    Raises `PluginFailed` for what is no expression, naming `place`; the function does where an item
    gives no value, naming the item.
    """
    if is_path(text):
        names = parts(text, place)
        return lambda item, _index: value_at(item, names)
    evaluate = expression(text, place)
    return lambda item, index: evaluate({"item": item, "index": index}, f"items[{index}]")


def shaped(template: Json, place: str) -> Pick:
    """Return a function that fills a value whose texts are each a path or an expression."""
    if isinstance(template, str):
        return pick(template, place)
    if is_object(template):
        fields = {name: shaped(value, f"{place}.{name}") for name, value in template.items()}
        return lambda item, index: {name: each(item, index) for name, each in fields.items()}
    if is_list(template):
        places = [shaped(value, f"{place}[{at}]") for at, value in enumerate(template)]
        return lambda item, index: [each(item, index) for each in places]
    return lambda _item, _index: template


def expression(text: str, place: str) -> Evaluate:
    """Return a function that evaluates an expression over some names; both raise `PluginFailed`."""
    compiled = _template(text, place)

    def evaluate(names: dict[str, Json], where: str) -> Json:
        try:
            return compiled.render(names)
        except ExpressionError as error:
            raise refuse(f"{where}: {place}: {error}") from None

    return evaluate


def gathered(text: str, place: str, items: list[Json], initial: Json) -> Json:
    """Return what an expression over acc, item and index makes of items; raise `PluginFailed`."""
    gathering = Gathering(_template(text, place))
    acc, index = initial, -1
    try:
        for index, item in enumerate(items):
            acc = gathering.step({"acc": acc, "item": item, "index": index})
        return gathering.end(acc)
    except ExpressionError as error:
        raise refuse(f"items[{max(index, 0)}]: {place}: {error}") from None


def _template(text: str, place: str) -> CompiledTemplate:
    source = text if "{{" in text or "{%" in text else f"{{{{ {text} }}}}"
    try:
        return compile_template(source, "jinja")
    except ExpressionError as error:
        raise refuse(f"{place}: {error}") from None


def value_at(item: Json, names: Path) -> Json:
    """Return what a path leads to; null where it leads nowhere."""
    found = follow(item, names)
    return None if isinstance(found, Missing) else found


def asks(*names: str) -> Callable[[dict[str, Json]], bool]:
    """Return whether any of these inputs holds an expression, whose cost nobody knows."""
    return lambda given: any(_asks(given.get(name)) for name in names)


def _asks(value: Json) -> bool:
    if isinstance(value, str):
        return not is_path(value)
    if is_object(value):
        return any(_asks(each) for each in value.values())
    return is_list(value) and any(_asks(each) for each in value)
