"""What was compiled already is not compiled again, and what is kept is bounded."""

from typing import Any

import msgspec
import pytest

from mainspring.domain.definition import Definition
from mainspring.domain.errors import DefinitionInvalid
from mainspring.testing.sagas import hello_world
from mainspring_api.compiled import Compiled
from mainspring_api.dialects.sagas.compile import compile_definition


class Counting:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, source: Any) -> Definition:
        self.count += 1
        return compile_definition(source)


def named(name: str) -> bytes:
    return msgspec.json.encode(hello_world() | {"name": name})


def test_equal_bytes_are_compiled_once_and_others_on_their_own() -> None:
    compiled, compiling = Compiled(), Counting()
    assert compiled.of(named("a"), compiling) is compiled.of(named("a"), compiling)
    assert compiled.of(named("b"), compiling).name == "b"
    assert compiling.count == 2


def test_what_is_kept_is_bounded_by_its_size_and_the_last_used_stays() -> None:
    compiled, compiling = Compiled(most_bytes=3 * (len(named("a")) + 1024)), Counting()
    for name in "abc":
        compiled.of(named(name), compiling)
    compiled.of(named("a"), compiling)
    compiled.of(named("d"), compiling)
    assert compiling.count == 4
    compiled.of(named("a"), compiling)
    assert compiling.count == 4
    compiled.of(named("b"), compiling)
    assert compiling.count == 5


def test_what_is_refused_is_not_kept() -> None:
    compiled, compiling = Compiled(), Counting()
    for _ in range(2):
        with pytest.raises(DefinitionInvalid):
            compiled.of(b"{}", compiling)
    assert compiling.count == 2
