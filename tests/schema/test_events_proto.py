"""What is stored can be read by others and for ever: a schema and an example of every event."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from mainspring.bus import asyncapi, subjects
from mainspring.domain.envelope import schema_version
from mainspring.domain.schemas import event_schemas, name_of, pretty
from mainspring.domain.upcast import TYPES, decode
from mainspring.testing.kept import example

PROTO = Path(__file__).parents[2] / "proto"
EVENTS = PROTO / "events"
VERSIONS = [
    (category, each.__name__, version)
    for category, types in TYPES.items()
    for each in types.values()
    for version in range(1, schema_version(each) + 1)
]
EXAMPLES = sorted((PROTO / "examples").glob("*/*.json"))


def schema_of(category: str, type: str, version: int) -> dict[str, Any]:
    return json.loads((EVENTS / name_of(category, type, version)).read_bytes())


def parts_of(path: Path) -> tuple[str, str, int]:
    """Return category, type and schema version of an example from its path."""
    type, version = path.stem.split(".v")
    return path.parent.name, type, int(version)


def test_every_newest_schema_stands_in_proto_as_the_code_has_it():
    for name, schema in event_schemas().items():
        assert (EVENTS / name).read_bytes() == pretty(schema), f"{name}: run `make schema`"


@pytest.mark.parametrize(("category", "type", "version"), VERSIONS)
def test_every_event_type_and_version_has_a_schema_and_an_example(
    category: str, type: str, version: int
):
    assert (EVENTS / name_of(category, type, version)).exists()
    assert example(PROTO, category, type, version).exists(), (
        "play it in a tour and run `python -m mainspring.testing.kept`"
    )


def test_no_schema_and_no_example_is_of_an_event_that_the_code_cannot_read():
    known = {name_of(*one) for one in VERSIONS}
    assert {path.name for path in EVENTS.iterdir()} <= known
    assert {parts_of(path) for path in EXAMPLES} <= set(VERSIONS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_conforms_to_its_schema(path: Path):
    schema = schema_of(*parts_of(path))
    Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(path.read_bytes()), schema, Draft202012Validator)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_read_by_todays_code(path: Path):
    category, type, version = parts_of(path)
    event = decode(category, type, version, path.read_bytes())
    assert event.__class__.__name__ == type


def test_every_reference_in_the_description_of_the_bus_leads_somewhere():
    document = json.loads((PROTO / "asyncapi.json").read_bytes())
    assert document == json.loads(asyncapi.documents()["asyncapi.json"])
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]


def test_every_stream_of_jetstream_has_a_channel_that_it_keeps():
    document: Any = asyncapi.document()
    kept = {
        channel["x-jetstream"]["stream"]: channel["address"]
        for channel in document["channels"].values()
        if "x-jetstream" in channel
    }
    assert set(kept) == set(subjects.STREAM_SUBJECTS)
    for stream, address in kept.items():
        prefixes = [one.removesuffix(">") for one in subjects.STREAM_SUBJECTS[stream]]
        assert any(address.startswith(prefix) for prefix in prefixes)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():  # pyright: ignore[reportUnknownVariableType]
            if key == "$ref":
                yield str(each)  # pyright: ignore[reportUnknownArgumentType]
            yield from references(each)
    elif isinstance(value, list):
        for each in value:  # pyright: ignore[reportUnknownVariableType]
            yield from references(each)
