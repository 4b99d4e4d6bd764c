"""Plain values as YAML that readers of 1.1 and of 1.2 take for the same values."""

import re
from collections.abc import Sequence
from typing import Any, Final, cast

import yaml

from mainspring.domain.message import Json
from mainspring_plugins.formats.yaml_read import DECIMAL, FLOAT, OTHER_BASE
from mainspring_plugins.support.failures import refuse

_BASE: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_BASE):
    """The safe dumper, without aliases, and with quotes around what 1.2 takes for numbers."""

    def ignore_aliases(self, data: object) -> bool:
        return True


_LOOKS: Final = ((DECIMAL, "int"), (OTHER_BASE, "int"), (FLOAT, "float"))
# Line ends of Unicode and the byte order mark, which plain and folded styles would lose.
_FRAGILE: Final = re.compile("[\\r\x85\u2028\u2029\ufeff]")


def _text(dumper: _Dumper, text: str) -> Any:  # noqa: ANN401 - the package's node
    style = '"' if _FRAGILE.search(text) else None
    return cast("Any", dumper).represent_scalar("tag:yaml.org,2002:str", text, style=style)


cast("Any", _Dumper).add_representer(str, _text)
for pattern, kind in _LOOKS:
    cast("Any", _Dumper).add_implicit_resolver(
        f"tag:yaml.org,2002:{kind}", re.compile(rf"(?:{pattern.pattern})$"), None
    )


def write_yaml(documents: Sequence[Json], indent: int, *, is_sorted: bool) -> str:
    """Return the text of some documents; raise `PluginFailed` where a text cannot be written."""
    try:
        return cast("Any", yaml).dump_all(
            documents,
            Dumper=_Dumper,
            allow_unicode=True,
            default_flow_style=False,
            explicit_start=len(documents) != 1,
            indent=indent,
            sort_keys=is_sorted,
            width=1_000_000,
        )
    except yaml.YAMLError as error:
        raise refuse(f"data: {error}") from None
