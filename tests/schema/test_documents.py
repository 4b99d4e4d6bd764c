"""What stands in `proto/` is what the code says; `make schema` writes it."""

from pathlib import Path

from mainspring_cli.schema import documents, parted

PROTO = Path(__file__).parents[2] / "proto"


def test_the_documents_in_proto_are_those_of_the_code() -> None:
    assert parted(PROTO, documents()) == []
