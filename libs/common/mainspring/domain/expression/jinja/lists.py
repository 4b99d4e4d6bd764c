"""Filters over lists and objects; each pays for every item, and for every item that it makes."""

from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import Final

from mainspring.domain.expression.equality import same
from mainspring.domain.expression.errors import ExpressionFailed
from mainspring.domain.expression.jinja.operators import ordered, plus
from mainspring.domain.expression.jinja.run import Absent, Run, bounded, items, text
from mainspring.domain.expression.values import Missing, Value, as_json, child, kind

__all__ = ["LISTS", "at", "entries", "missing", "under"]


def at(run: Run, value: Value, attribute: Value) -> Value | Missing:
    """Return what a dotted path such as "a.b.0" names in `value`."""
    path = str(attribute) if isinstance(attribute, int) else text(attribute, "attribute")
    run.make(len(path))
    found: Value | Missing = value
    for name in path.split("."):
        run.spend(1)
        found = child(found, name)
    return found


def under(run: Run, value: Value, attribute: Value, default: Value = None) -> Value:
    """Return what `attribute` names, or `default`; raise `ExpressionFailed` for neither."""
    if attribute is None:
        return value
    found = at(run, value, attribute)
    if not isinstance(found, Missing):
        return found
    if default is not None:
        return default
    raise ExpressionFailed(f'an item has no "{str(attribute)[:40]}"')


def entries(value: Value, who: str) -> dict[str, Value]:
    """Return `value`, which is an object; raise `ExpressionFailed` in the name of `who`."""
    if isinstance(value, dict):
        return value
    raise ExpressionFailed(f"{who}: {kind(value)} is not an object")


def length(_run: Run, value: Value) -> Value:
    if isinstance(value, str | list | dict):
        return len(value)
    raise ExpressionFailed(f"length: {kind(value)} has no length")


def first(run: Run, value: Value) -> Value | Absent:
    taken = items(value, run, "first")
    return taken[0] if taken else Absent("the first item of an empty list is not there")


def last(run: Run, value: Value) -> Value | Absent:
    taken = items(value, run, "last")
    return taken[-1] if taken else Absent("the last item of an empty list is not there")


def as_list(run: Run, value: Value) -> Value:
    taken = items(value, run, "list")
    run.spend(len(taken) >> 2)
    return taken.copy()


def reverse(run: Run, value: Value) -> Value:
    if isinstance(value, str):
        run.make(len(value))
        return value[::-1]
    taken = items(value, run, "reverse")
    run.spend(len(taken) >> 2)
    return taken[::-1]


def join(run: Run, value: Value, d: Value = "", attribute: Value = None) -> Value:
    parts: list[str] = []
    mark = text(d, "join")
    for item in items(value, run, "join"):
        part = run.shown(under(run, item, attribute))
        run.make(len(part) + len(mark))
        parts.append(part)
    return mark.join(parts)


def keys(run: Run, value: Value) -> Value:
    run.spend(len(entries(value, "keys")))
    return [*entries(value, "keys")]


def values(run: Run, value: Value) -> Value:
    run.spend(len(entries(value, "values")))
    return [*entries(value, "values").values()]


def pairs(run: Run, value: Value) -> Value:
    run.spend(2 * len(entries(value, "items")))
    return [[key, item] for key, item in entries(value, "items").items()]


def get(_run: Run, value: Value, key: Value, default: Value = None) -> Value:
    return entries(value, "get").get(text(key, "get"), default)


def _rank(run: Run, value: Value, *, case: bool) -> Value:
    if isinstance(value, str) and not case:
        run.make(len(value))
        return value.lower()
    return value


def _ranked(
    run: Run, taken: Iterable[tuple[Value, Value]], *, reverse_: bool
) -> list[tuple[Value, Value]]:
    def order(a: tuple[Value, Value], b: tuple[Value, Value]) -> int:
        run.spend(1)
        if same(a[0], b[0], run.spend):
            return 0
        left, right = ordered(a[0], b[0], run)
        return -1 if left < right else 1  # type: ignore[operator]

    return sorted(taken, key=cmp_to_key(order), reverse=reverse_)


def sort(
    run: Run,
    value: Value,
    reverse: Value = False,
    case_sensitive: Value = False,
    attribute: Value = None,
) -> Value:
    taken = items(value, run, "sort")
    ranked = [
        (_rank(run, under(run, item, attribute), case=bool(case_sensitive)), item) for item in taken
    ]
    return [item for _, item in _ranked(run, ranked, reverse_=bool(reverse))]


def dictsort(
    run: Run,
    value: Value,
    case_sensitive: Value = False,
    by: Value = "key",
    reverse: Value = False,
) -> Value:
    if by not in ("key", "value"):
        raise ExpressionFailed('dictsort: by is "key" or "value"')
    run.spend(len(entries(value, "dictsort")))
    ranked: list[tuple[Value, Value]] = [
        (_rank(run, key if by == "key" else item, case=bool(case_sensitive)), [key, item])
        for key, item in entries(value, "dictsort").items()
    ]
    return [pair for _, pair in _ranked(run, ranked, reverse_=bool(reverse))]


def _mark(run: Run, value: Value, *, case: bool) -> bytes:
    # Equal values have equal JSON, but for 1 and 1.0, and for the order of keys.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, dict):
        value = [list(pair) for pair in sorted(value.items(), key=lambda pair: pair[0])]
    run.weigh(value)
    return as_json(_rank(run, value, case=case))


def unique(run: Run, value: Value, case_sensitive: Value = False, attribute: Value = None) -> Value:
    seen: dict[bytes, Value] = {}
    for item in items(value, run, "unique"):
        mark = _mark(run, under(run, item, attribute), case=bool(case_sensitive))
        run.spend(1)
        seen.setdefault(mark, item)
    return list(seen.values())


def groupby(
    run: Run,
    value: Value,
    attribute: Value,
    default: Value = None,
    case_sensitive: Value = False,
) -> Value:
    ranked: list[tuple[Value, Value]] = []
    for item in items(value, run, "groupby"):
        found = under(run, item, attribute, default)
        ranked.append((_rank(run, found, case=bool(case_sensitive)), [found, item]))
    groups: list[tuple[Value, Value, list[Value]]] = []
    for rank, pair in _ranked(run, ranked, reverse_=False):
        found, item = pair if isinstance(pair, list) else (None, None)
        if groups and same(groups[-1][0], rank, run.spend):
            groups[-1][2].append(item)
        else:
            groups.append((rank, found, [item]))
    return [{"grouper": found, "list": members} for _, found, members in groups]


def batch(run: Run, value: Value, linecount: Value, fill_with: Value = None) -> Value:
    size, taken = bounded(linecount, "batch"), items(value, run, "batch")
    if size < 1:
        raise ExpressionFailed("batch: the size is less than 1")
    run.spend(2 * len(taken) + (size if fill_with is not None else 0))
    rows: list[Value] = []
    for start in range(0, len(taken), size):
        row = taken[start : start + size]
        lacks = size - len(row) if fill_with is not None else 0
        rows.append(row + [fill_with] * lacks)
    return rows


def slices(run: Run, value: Value, slices: Value, fill_with: Value = None) -> Value:
    number, taken = bounded(slices, "slice", 10_000), items(value, run, "slice")
    if number < 1:
        raise ExpressionFailed("slice: the number is less than 1")
    run.spend(len(taken) + number)
    least, more = divmod(len(taken), number)
    rows, start = list[Value](), 0
    for place in range(number):
        end = start + least + (place < more)
        lacks = 1 if fill_with is not None and place >= more and more else 0
        rows.append(taken[start:end] + [fill_with] * lacks)
        start = end
    return rows


def flatten(run: Run, value: Value, levels: Value = None) -> Value:
    most = 64 if levels is None else bounded(levels, "flatten", 64)
    flat: list[Value] = []
    _flatten(run, items(value, run, "flatten"), most, flat)
    return flat


def _flatten(run: Run, value: list[Value], levels: int, flat: list[Value]) -> None:
    for item in value:
        run.spend(1)
        if isinstance(item, list) and levels > 0:
            _flatten(run, item, levels - 1, flat)
        else:
            flat.append(item)


def total(run: Run, value: Value, attribute: Value = None, start: Value = 0) -> Value:
    result = start
    for item in items(value, run, "sum"):
        run.spend(1)
        result = plus(result, under(run, item, attribute), run)
    return result


def _extreme(run: Run, value: Value, attribute: Value, *, case: bool, who: str) -> Value | Absent:
    best: tuple[Value, Value] | None = None
    for item in items(value, run, who):
        run.spend(1)
        rank = _rank(run, under(run, item, attribute), case=case)
        if best is None:
            best = rank, item
            continue
        left, right = ordered(rank, best[0], run)
        if (left < right) if who == "min" else (left > right):  # type: ignore[operator]
            best = rank, item
    return best[1] if best else Absent(f"the {who} of an empty list is not there")


def least(
    run: Run, value: Value, case_sensitive: Value = False, attribute: Value = None
) -> Value | Absent:
    return _extreme(run, value, attribute, case=bool(case_sensitive), who="min")


def most(
    run: Run, value: Value, case_sensitive: Value = False, attribute: Value = None
) -> Value | Absent:
    return _extreme(run, value, attribute, case=bool(case_sensitive), who="max")


def missing(value: Value | Missing, attribute: Value) -> Value | Absent:
    """Return `value`, or the absence of what `attribute` should have named."""
    if isinstance(value, Missing):
        return Absent(f'an item has no "{str(attribute)[:40]}"')
    return value


LISTS: Final[dict[str, Callable[..., Value | Absent]]] = {
    "length": length,
    "count": length,
    "first": first,
    "last": last,
    "list": as_list,
    "reverse": reverse,
    "join": join,
    "keys": keys,
    "values": values,
    "items": pairs,
    "sort": sort,
    "dictsort": dictsort,
    "unique": unique,
    "groupby": groupby,
    "batch": batch,
    "chunk": batch,
    "slice": slices,
    "flatten": flatten,
    "sum": total,
    "min": least,
    "max": most,
}
