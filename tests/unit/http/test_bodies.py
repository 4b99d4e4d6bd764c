"""JSON that cannot be read is refused with its place; JSON that can is read as it is."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.errors import DefinitionInvalid
from mainspring.http import bodies

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_what_is_json_is_read_as_it_is(found: object) -> None:
    assert bodies.value(msgspec.json.encode(found)) == found


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for read in (bodies.value, bodies.members):
        with suppress(DefinitionInvalid):
            read(raw)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "the body is not JSON: line 1, column 1: it ends too early"),
        (b'{"a": 1,\n  "b" 2}', "the body is not JSON: line 2, column 7: expected ':'"),
        ('{"ü": x}'.encode(), "the body is not JSON: line 1, column 7: invalid character"),
        (b'"\xff"', "the body is not UTF-8: line 1, column 2"),
        (b"1e999", "the body has a number that is out of range"),
        (b"[" * 5000, "the body is nested more than 128 deep"),
    ],
)
def test_a_fault_has_its_line_and_column(raw: bytes, said: str) -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        bodies.value(raw)
    assert refused.value.faults == (said,)


@pytest.mark.parametrize(("depth", "allowed"), [(128, True), (129, False)])
def test_the_bound_on_depth_is_exact(depth: int, allowed: bool) -> None:
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        raw = opened * depth + b"1" + closed * depth
        if allowed:
            bodies.value(raw)
        else:
            with pytest.raises(DefinitionInvalid):
                bodies.value(raw)


def test_many_shallow_brackets_are_no_depth() -> None:
    assert len(bodies.value(b"[" + b"[]," * 5000 + b"[]]")) == 5001


def test_all_readings_tell_their_faults_together() -> None:
    def fails(text: str) -> object:
        raise DefinitionInvalid([text])

    with pytest.raises(DefinitionInvalid) as refused:
        bodies.together(lambda: fails("one"), lambda: 5, lambda: fails("two"))
    assert refused.value.faults == ("one", "two")
