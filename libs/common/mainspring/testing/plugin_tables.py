"""The page `docs/plugin_tables.md`: what each plugin that comes with Mainspring takes and gives.

It is written out from the manifests, which calls are checked against, so the page cannot promise
what a plugin refuses: `python -m mainspring.testing.plugin_tables docs/plugin_tables.md` writes it,
and a test compares it.  Tables that are kept by hand, the rival, forget the next property.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import msgspec

from mainspring.plugin import Category, Manifest, installed
from mainspring.plugin.registry import GROUP

Schema: TypeAlias = Mapping[str, Any]

OURS: Final = "mainspring_plugins."
CATEGORIES: Final[tuple[Category, ...]] = ("Core", "Flow Control", "Transforms", "Utility")
MOST_DEPTH: Final = 3
"""How deep a property may lie whose parts have rows of their own."""
_BOUNDS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "minLength": "{} characters or more",
    "maxLength": "{} characters at most",
    "minItems": "{} items or more",
    "maxItems": "{} items at most",
    "minProperties": "{} names or more",
}
_LEAST: Final = ("minLength", "minItems", "minProperties")
HEAD: Final = """\
# What each plugin takes and gives

This page is written out from the manifests (`python -m mainspring.testing.plugin_tables
docs/plugin_tables.md`) and compared with them by a test. [plugins.md](plugins.md) says what holds
for every plugin, and how to write one.

A property in bold has to be given. `a.b` is b in the object a, `a[]` an item of the list a or a
value of the object a. An input with a property that is not here is refused. An output has all that
is here, but for what is given sometimes.
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(_category(category) for category in CATEGORIES)


def manifests() -> list[Manifest]:
    """Return the manifests of the plugins that come with Mainspring, by id."""
    registry = installed()
    ours = sorted(each.name for each in entry_points(group=GROUP) if each.value.startswith(OURS))
    return [plugin.manifest for plugin in map(registry.get, ours) if plugin is not None]


def _category(category: Category) -> str:
    parts = [_plugin(each) for each in manifests() if each.category == category]
    return f"\n## {category}\n" + "".join(parts)


def _plugin(manifest: Manifest) -> str:
    lines = [f"\n### {manifest.id}", "", _told(manifest), ""]
    lines += ["| input | kind | |", "|---|---|---|"]
    lines += [_row(*each, word="") for each in _properties(manifest.input)]
    if given := list(_properties(manifest.output)):
        lines += ["", "| output | kind | |", "|---|---|---|"]
        lines += [_row(*each, word="Sometimes") for each in given]
    else:
        lines += ["", f"Output: {_cell(manifest.output['description'])}"]
    return "\n".join(lines) + "\n"


def _told(manifest: Manifest) -> str:
    more = " The engine does it itself, and holds no worker." if manifest.is_control else ""
    if manifest.needs:
        more = f" Only where `MAINSPRING_ALLOW_TASKS` names {manifest.needs}."
    return f"{_cell(manifest.description)}{more}"


def _properties(
    schema: Schema, place: str = "", depth: int = 1
) -> Iterator[tuple[str, bool, Schema]]:
    """Return each property with its place, whether it has to be there, and its schema."""
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield f"{place}{name}", name in required, each
        if depth < MOST_DEPTH:
            yield from _properties(each, f"{place}{name}.", depth + 1)
            yield from _properties(_of_each(each), f"{place}{name}[].", depth + 1)


def _of_each(schema: Schema) -> Schema:
    inner = schema.get("items", schema.get("additionalProperties"))
    return cast("Schema", inner) if isinstance(inner, Mapping) else {}


def _row(place: str, is_needed: bool, schema: Schema, *, word: str) -> str:
    name = f"**`{place}`**" if is_needed and not word else f"`{place}`"
    text = schema.get("description", "")
    if not is_needed and word:
        text = f"{word}: {text}"
    return f"| {name} | {_cell(kind(schema))} | {_cell(' '.join([text, *_bounds(schema)]))} |"


def kind(schema: Schema) -> str:
    """Return the words for what a schema takes."""
    if "const" in schema or "enum" in schema:
        return " ".join(f"`{_json(one)}`" for one in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(each) for each in schema["anyOf"]))
    said: str | list[str] = schema.get("type", "any value")
    words = [said] if isinstance(said, str) else said
    inner = _of_each(schema)
    plural = f" of {kind(inner)}" if inner else ""
    return " or ".join(f"{each}{plural if each in ('array', 'object') else ''}" for each in words)


def _bounds(schema: Schema) -> Iterator[str]:
    said = [
        "not empty" if word in _LEAST and schema[word] == 1 else text.format(schema[word])
        for word, text in _BOUNDS.items()
        if word in schema
    ]
    if said:
        yield f"({', '.join(said)})"
    if "default" in schema:
        yield f"Default: `{_json(schema['default'])}`."


def _json(value: object) -> str:
    return value if isinstance(value, str) and value.isidentifier() else _encoded(value)


def _encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").strip()


def main(target: Path) -> None:
    """Write the page."""
    target.write_text(page())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/plugin_tables.md"))
