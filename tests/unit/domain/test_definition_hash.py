"""A definition is known by its hash, also after it was stored and read back."""

import msgspec

from mainspring.domain.definition import Definition, Request, Step


def fresh(text: str) -> str:
    """Return an equal text that is another object, as everything that was read is."""
    return "".join(list(text))


def test_a_definition_and_its_stored_form_have_one_hash() -> None:
    request = Request(url="http://a.test", verb=fresh("POST"))  # pyright: ignore[reportArgumentType]
    step = Step(ref="a", kind=fresh("task"), request=request)  # pyright: ignore[reportArgumentType]
    made = Definition(name="n", version="v", planner="path", steps=(step,), entrypoint="a")
    stored = msgspec.json.decode(msgspec.json.encode(made), type=Definition)
    assert stored == made
    assert stored.hash == made.hash
