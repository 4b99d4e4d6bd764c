"""Filters that make a text of a text; each pays for what it reads and for what it makes."""

import re
from collections.abc import Callable
from html import escape as html_escape
from typing import Any, Final
from unicodedata import normalize

from mainspring.domain.expression.errors import ExpressionFailed, ExpressionTooLarge
from mainspring.domain.expression.jinja.run import Run, bounded, number, text
from mainspring.domain.expression.pattern import COMPILING, compile_pattern
from mainspring.domain.expression.values import MAX_OUTPUT, Value

__all__ = ["TEXTS", "ends", "lines", "matches", "starts"]

MAX_WIDTH: Final = 1000
_TAG: Final = re.compile(r"<!--.*?-->|<[^<>]*>", re.DOTALL)
_WORD: Final = re.compile(r"\w+")
_FORMAT: Final = re.compile(
    r"%(?:\((?P<name>\w{1,64})\))?(?P<spec>[-+ 0#]{0,5}\d{0,3}(?:\.\d{1,2})?)"
    r"(?P<kind>[sdifgeExXo%])"
)


def _simple(name: str, act: Callable[[str], str]) -> Callable[[Run, Value], Value]:
    def run_it(run: Run, value: Value) -> Value:
        taken = text(value, name)
        run.make(len(taken))
        return act(taken)

    return run_it


def string(run: Run, value: Value) -> Value:
    return run.shown(value)


def trim(run: Run, value: Value, chars: Value = None) -> Value:
    return _stripped(run, value, chars, str.strip)


def _stripped(run: Run, value: Value, chars: Value, act: Callable[..., str]) -> Value:
    taken = run.shown(value)
    run.make(len(taken))
    return act(taken, None if chars is None else text(chars, "trim")[:MAX_WIDTH])


def replace(run: Run, value: Value, old: Value, new: Value, count: Value = None) -> Value:
    taken, old, new = text(value, "replace"), text(old, "replace"), text(new, "replace")
    most = -1 if count is None else bounded(count, "replace")
    run.make(len(taken))
    found = taken.count(old)
    times = found if most < 0 else min(found, most)
    # Counted before it is made: a text of a million empty places grows without bound.
    run.make(len(taken) + times * max(len(new) - len(old), 0) + times * 16)
    return taken.replace(old, new, times)


def split(run: Run, value: Value, sep: Value = None, most: Value = -1) -> Value:
    taken = text(value, "split")
    separator = None if sep is None else text(sep, "split")
    if separator == "":
        raise ExpressionFailed("split: the separator is empty")
    run.make(len(taken))
    run.spend(len(taken.split()) if separator is None else taken.count(separator))
    return [*taken.split(separator, bounded(most, "split"))]


def lines(run: Run, value: Value) -> Value:
    """Return the lines of a text."""
    taken = text(value, "splitlines")
    run.make(len(taken))
    run.spend(taken.count("\n") + taken.count("\r"))
    return [*taken.splitlines()]


def _width(value: Value, who: str) -> int:
    return bounded(value, who, MAX_WIDTH)


def center(run: Run, value: Value, width: Value = 80) -> Value:
    taken = run.shown(value)
    run.make(len(taken) + MAX_WIDTH)
    return taken.center(_width(width, "center"))


def ljust(run: Run, value: Value, width: Value) -> Value:
    taken = run.shown(value)
    run.make(len(taken) + MAX_WIDTH)
    return taken.ljust(_width(width, "ljust"))


def rjust(run: Run, value: Value, width: Value) -> Value:
    taken = run.shown(value)
    run.make(len(taken) + MAX_WIDTH)
    return taken.rjust(_width(width, "rjust"))


def zfill(run: Run, value: Value, width: Value) -> Value:
    taken = run.shown(value)
    run.make(len(taken) + MAX_WIDTH)
    return taken.zfill(_width(width, "zfill"))


def indent(
    run: Run, value: Value, width: Value = 4, first: Value = False, blank: Value = False
) -> Value:
    taken = text(value, "indent")
    margin = width if isinstance(width, str) else " " * max(_width(width, "indent"), 0)
    run.make(len(taken))
    rows = taken.count("\n") + 1
    run.make(len(taken) + rows * (len(margin) + 16))
    head, *rest = taken.split("\n")
    rest = [margin + row if row or blank else row for row in rest]
    return "\n".join([margin + head if first else head, *rest])


def nindent(run: Run, value: Value, width: Value = 4) -> Value:
    return "\n" + text(indent(run, value, width, True), "nindent")


def truncate(
    run: Run,
    value: Value,
    length: Value = 255,
    killwords: Value = False,
    end: Value = "...",
    leeway: Value = 5,
) -> Value:
    taken, tail = run.shown(value), text(end, "truncate")
    most = bounded(length, "truncate", MAX_OUTPUT)
    run.make(len(taken))
    if len(taken) <= most + bounded(leeway, "truncate"):
        return taken
    if most < len(tail):
        raise ExpressionFailed("truncate: the length is less than that of the end")
    head = taken[: most - len(tail)]
    return (head if killwords else head.rsplit(" ", 1)[0]) + tail


def wordcount(run: Run, value: Value) -> Value:
    taken = text(value, "wordcount")
    run.read(len(taken), 3)
    return sum(1 for _ in _WORD.finditer(taken))


def slugify(run: Run, value: Value) -> Value:
    taken = run.shown(value)
    run.read(len(taken), 4)
    plain = normalize("NFKD", taken).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def escape(run: Run, value: Value) -> Value:
    taken = run.shown(value)
    run.read(len(taken), 4)
    escaped = html_escape(taken)
    run.make(len(escaped))
    return escaped


def striptags(run: Run, value: Value) -> Value:
    taken = text(value, "striptags")
    run.read(len(taken), 4)
    if taken.count("<") > 2000:  # each unclosed one is looked at to the end
        raise ExpressionTooLarge("striptags: the text has too many tags")
    return " ".join(_TAG.sub("", taken).split())


def printf(run: Run, value: Value, /, *args: Value, **names: Value) -> Value:
    """Fill the places of a text, `%s`, `%d`, `%.2f`; widths have three digits at most."""
    taken, left = text(value, "format"), list(args)

    def fill(match: re.Match[str]) -> str:
        if match["kind"] == "%":
            return "%"
        if match["name"] is not None:
            if match["name"] not in names:
                raise ExpressionFailed(f'format: there is no value "{match["name"]}"')
            return _filled(run, match, names[match["name"]])
        if not left:
            raise ExpressionFailed("format: the text has more places than values")
        return _filled(run, match, left.pop(0))

    run.read(len(taken), 4)
    filled = _FORMAT.sub(fill, taken)
    run.make(len(filled))
    if "%" in _FORMAT.sub("", taken):
        raise ExpressionFailed("format: a % begins no place such as %s, %5d or %.2f")
    if left:
        raise ExpressionFailed("format: the text has fewer places than values")
    return filled


def _filled(run: Run, match: re.Match[str], value: Value) -> str:
    run.spend(20)
    form = "%" + match["spec"] + match["kind"]
    shown: Any = run.shown(value) if match["kind"] == "s" else number(value, "format")
    if isinstance(shown, float) and match["kind"] in "dixXo":
        shown = int(shown)
    run.make(len(shown) if isinstance(shown, str) else 0)
    return form % shown


def before(run: Run, value: Value, separator: Value) -> Value:
    return _part(run, value, separator, lambda t, s: t.partition(s)[0])


def before_last(run: Run, value: Value, separator: Value) -> Value:
    return _part(run, value, separator, lambda t, s: t.rpartition(s)[0] if s in t else t)


def after(run: Run, value: Value, separator: Value) -> Value:
    return _part(run, value, separator, lambda t, s: t.partition(s)[2])


def after_last(run: Run, value: Value, separator: Value) -> Value:
    return _part(run, value, separator, lambda t, s: t.rpartition(s)[2] if s in t else "")


def _part(run: Run, value: Value, separator: Value, act: Callable[[str, str], str]) -> Value:
    taken, mark = text(value, "substring"), text(separator, "substring")
    if not mark:
        raise ExpressionFailed("substring: the separator is empty")
    run.make(len(taken))
    return act(taken, mark)


def starts(_run: Run, value: Value, wanted: Value) -> Value:
    """Return whether a text begins with another."""
    return text(value, "startsWith").startswith(text(wanted, "startsWith"))


def ends(_run: Run, value: Value, wanted: Value) -> Value:
    """Return whether a text ends with another."""
    return text(value, "endsWith").endswith(text(wanted, "endsWith"))


def matches(run: Run, value: Value, pattern: Value) -> Value:
    """Say whether a regular expression (RE2) is found anywhere in a text."""
    taken = text(value, "matches")
    run.spend(COMPILING)
    found = compile_pattern(text(pattern, "matches"))
    run.spend(found.cost(taken))
    return found.found(taken)


TEXTS: Final[dict[str, Callable[..., Value]]] = {
    "upper": _simple("upper", str.upper),
    "lower": _simple("lower", str.lower),
    "capitalize": _simple("capitalize", str.capitalize),
    "title": _simple("title", str.title),
    "string": string,
    "trim": trim,
    "replace": replace,
    "split": split,
    "center": center,
    "ljust": ljust,
    "rjust": rjust,
    "zfill": zfill,
    "indent": indent,
    "nindent": nindent,
    "truncate": truncate,
    "wordcount": wordcount,
    "slugify": slugify,
    "escape": escape,
    "e": escape,
    "striptags": striptags,
    "format": printf,
    "substringBefore": before,
    "substringBeforeLast": before_last,
    "substringAfter": after,
    "substringAfterLast": after_last,
    "startsWith": starts,
    "endsWith": ends,
    "matches": matches,
}
