"""transform.base64 and transform.hash: known answers, both ways, and clear refusals."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.domain.message import Json
from mainspring.testing.plugin_calls import done, refused, unfit


@given(text=st.text(), url_safe=st.booleans())
async def test_base64_reads_back_what_it_wrote(text: str, url_safe: bool) -> None:
    encoded = await done("transform.base64", op="encode", data=text, urlSafe=url_safe)
    back = await done("transform.base64", op="decode", data=encoded["result"], urlSafe=url_safe)
    assert back["result"] == text


async def test_base64_writes_the_two_alphabets() -> None:
    plain = await done("transform.base64", op="encode", data="fbff", encoding="hex")
    safe = await done("transform.base64", op="encode", data="fbff", encoding="hex", urlSafe=True)
    assert (plain["result"], safe["result"]) == ("+/8=", "-_8")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("ab*d", "data: character 3 ('*') is no base64"),
        ("abcde", "data: 5 characters are no whole base64"),
        ("/w==", "the data: byte 1 is no text in utf-8"),
        ("YQ==YQ==", "data: character 3 ('=') is no base64"),
    ],
)
async def test_base64_tells_where_data_are_none(data: Json, said: str) -> None:
    assert await refused("transform.base64", op="decode", data=data) == said


async def test_base64_forgives_line_ends_and_missing_padding() -> None:
    assert (await done("transform.base64", op="decode", data=" aGVs\nbG8 "))["result"] == "hello"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha384", "sha512", "blake2b"])
async def test_hash_is_the_digest_and_with_a_key_the_hmac(algorithm: str) -> None:
    plain = await done("transform.hash", data="abc", algorithm=algorithm)
    assert plain["hash"] == hashlib.new(algorithm, b"abc").hexdigest()
    keyed = await done("transform.hash", data="abc", algorithm=algorithm, key="k")
    assert keyed["hash"] == hmac.new(b"k", b"abc", algorithm).hexdigest()


async def test_hash_is_written_in_hex_or_base64() -> None:
    written = await done("transform.hash", data="abc", encoding="base64")
    assert base64.b64decode(written["hash"]) == hashlib.sha256(b"abc").digest()
    crc = await done("transform.hash", data="123456789", algorithm="crc32", encoding="base64")
    assert base64.b64decode(crc["hash"]).hex() == "cbf43926"


async def test_hash_of_a_value_does_not_depend_on_the_order_of_names() -> None:
    first = await done("transform.hash", data={"a": 1, "b": [2]})
    assert first == await done("transform.hash", data={"b": [2], "a": 1})


async def test_hash_reads_bytes_behind_a_text() -> None:
    as_hex = await done("transform.hash", data="616263", inputEncoding="hex", algorithm="md5")
    assert as_hex["hash"] == hashlib.md5(b"abc").hexdigest()  # noqa: S324
    assert await refused("transform.hash", data="6x", inputEncoding="hex") == "data is no hex"
    assert await refused("transform.hash", data="a", inputEncoding="base64") == "data is no base64"


async def test_hash_refuses_a_key_that_would_mean_nothing() -> None:
    said = await refused("transform.hash", data="a", algorithm="crc32", key="k")
    assert said == "crc32 takes no key"
    assert unfit("transform.hash", {"data": "a", "algorithm": "md4"})
