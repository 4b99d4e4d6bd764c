"""Laws that every installed plugin keeps."""

import asyncio
import importlib
import pkgutil
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast, get_args

import jsonschema_rs
import pytest
from tests.unit.plugins.worlds import WORLDS

from mainspring.plugin import Category, Plugin
from mainspring.testing.plugin_calls import REGISTRY
from mainspring.testing.plugins import TestContext


def plugin_of(id: str) -> Plugin:
    found = REGISTRY.get(id)
    assert found is not None
    return found


EVERY = pytest.mark.parametrize("id", REGISTRY.ids)
EXAMPLES = [
    pytest.param(id, number, id=f"{id}-{number}")
    for id in REGISTRY.ids
    for number in range(len(plugin_of(id).manifest.examples))
]
RUN = [each for each in EXAMPLES if plugin_of(str(each.values[0])).run is not None]


@EVERY
def test_manifest_has_the_id_that_it_is_found_by(id: str) -> None:
    assert plugin_of(id).manifest.id == id


@EVERY
def test_module_stands_where_the_id_says(id: str) -> None:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", id).lower().replace("/", ".")
    found = installed_modules()[id].removeprefix("mainspring_plugins.").removesuffix("_")
    assert found == (words if "/" not in id else "http.request_of_runs")


def test_a_package_of_a_category_holds_plugins_and_nothing_else() -> None:
    homes = {each.rpartition(".")[0] for each in installed_modules().values()}
    there = {
        f"{home}.{each.name}"
        for home in homes
        for each in pkgutil.iter_modules(importlib.import_module(home).__path__)
    }
    assert there == set(installed_modules().values())


def installed_modules() -> dict[str, str]:
    found = entry_points(group="mainspring.plugins")
    return {each.name: each.value for each in found if each.value.startswith("mainspring_plugins.")}


@EVERY
def test_manifest_says_what_the_plugin_is(id: str) -> None:
    manifest = plugin_of(id).manifest
    assert manifest.category in get_args(Category)
    assert manifest.name
    assert manifest.description.endswith(".")
    assert manifest.examples


@EVERY
@pytest.mark.parametrize("side", ["input", "output"])
def test_schemas_are_schemas_of_objects(id: str, side: str) -> None:
    schema = dict(getattr(plugin_of(id).manifest, side))
    jsonschema_rs.meta.validate(
        {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
    )
    assert schema["type"] == "object"


@EVERY
def test_input_tells_every_property(id: str) -> None:
    schema = plugin_of(id).manifest.input
    assert all(each.get("description") for each in schema["properties"].values())
    assert set(schema.get("required", ())) <= set(schema["properties"])


@EVERY
def test_unknown_key_of_an_input_is_told_by_its_name(id: str) -> None:
    plugin = plugin_of(id)
    example = {**plugin.manifest.examples[0]["input"], "mistyped": 1}
    faults = plugin.input_faults(example)
    assert len(faults) == 1
    assert "mistyped" in faults[0]


@EVERY
def test_defaults_are_values_that_the_schema_takes(id: str) -> None:
    for name, schema in plugin_of(id).manifest.input["properties"].items():
        if "default" in schema:
            assert jsonschema_rs.is_valid(schema, schema["default"]), name


@EVERY
def test_plugin_that_is_no_control_has_a_run(id: str) -> None:
    plugin = plugin_of(id)
    assert plugin.manifest.is_control or plugin.run is not None


@pytest.mark.parametrize(("id", "number"), EXAMPLES)
def test_example_holds_both_schemas(id: str, number: int) -> None:
    plugin = plugin_of(id)
    example = plugin.manifest.examples[number]
    assert set(example) <= {"input", "output", "varies"}
    assert plugin.input_faults(example["input"]) == []
    assert plugin.manifest.is_control or plugin.output_faults(example["output"]) == []


@pytest.mark.parametrize(("id", "number"), RUN)
async def test_example_gives_its_output(
    id: str,
    number: int,
    context: TestContext,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    plugin = plugin_of(id)
    example = plugin.manifest.examples[number]
    assert plugin.run is not None
    if id in WORLDS:
        WORLDS[id](context, monkeypatch, tmp_path)
    output = await asyncio.wait_for(plugin.run(example["input"], context), 30)
    assert plugin.output_faults(output) == []
    varies = set(example.get("varies", ()))
    assert without(varies, output) == without(varies, example["output"])


def without(names: set[str], output: Any) -> dict[str, Any]:
    return {
        name: each for name, each in cast("dict[str, Any]", output).items() if name not in names
    }


@EVERY
def test_description_is_plain_prose(id: str) -> None:
    sentences = re.split(r"(?<=[.])\s+", plugin_of(id).manifest.description)
    assert 1 <= len(sentences) <= 3


def test_text_of_half_a_character_is_a_fault_and_no_crash() -> None:
    given = {"op": "\ud800", "text": "a"}
    assert plugin_of("util.string").input_faults(given) == ["a text holds half a character"]
