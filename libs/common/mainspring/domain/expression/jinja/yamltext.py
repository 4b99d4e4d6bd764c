"""A JSON value as YAML text: block style, and quotation marks wherever a reader might doubt.

PyYAML lost: it is slow, its dumper guesses by resolvers that differ from reader to reader, and
this floor has no other need of it.
"""

import re
from json.encoder import encode_basestring
from typing import Final

from mainspring.domain.expression.values import Value, as_json

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./ -]*(?<! )", re.ASCII)
_WORDS: Final = frozenset(
    ("y", "n", "yes", "no", "true", "false", "on", "off", "null", "nan", "inf")
)
_STRANGE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def as_yaml(value: Value) -> str:
    """Return `value` as YAML that ends with a line break."""
    rows: list[str] = []
    _write(value, "", "", rows)
    return "\n".join(rows) + "\n"


def _write(value: Value, lead: str, margin: str, rows: list[str]) -> None:
    """Add the rows of `value`: the first behind `lead`, those below behind `margin`."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _entry(f"{lead}{_scalar(key)}:", item, margin, rows)
            lead = margin
    elif isinstance(value, list) and value:
        for item in value:
            _write(item, f"{lead}- ", f"{margin}  ", rows)
            lead = margin
    else:
        rows.append(lead + _scalar(value))


def _entry(lead: str, item: Value, margin: str, rows: list[str]) -> None:
    if isinstance(item, dict | list) and item:
        rows.append(lead)
        _write(item, f"{margin}  ", f"{margin}  ", rows)
    else:
        rows.append(f"{lead} {_scalar(item)}")


def _scalar(value: Value) -> str:
    if not isinstance(value, str):
        return as_json(value).decode()
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _STRANGE.sub(lambda found: f"\\u{ord(found[0]):04x}", encode_basestring(value))
