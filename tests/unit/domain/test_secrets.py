"""What counts as a secret of a call, and what of a document is not shown."""

from typing import Any

import pytest

from mainspring.domain.secrets import (
    MASK,
    literals,
    literals_in,
    masked,
    masked_headers,
    masked_url,
    without,
)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"X-Api-Key": "12345678"}, {"12345678"}),
        ({"X-API-KEY": " 12345678 "}, {"12345678"}),
        ({"X-Api-Key": "1234567"}, set[str]()),
        ({"X-Api-Key": "{{payload.key}}"}, set[str]()),
        ({"X-Other": "12345678"}, set[str]()),
        ({"Authorization": "Bearer 12345678"}, {"Bearer 12345678", "12345678"}),
        ({"authorization": "12345678"}, {"12345678"}),
        ({"Cookie": "a=12345678; b=2"}, {"a=12345678; b=2", "12345678"}),
    ],
)
def test_a_secret_stands_in_a_telling_header_as_it_is(headers: Any, found: set[str]) -> None:
    assert literals("http://a.test/", headers) == found


def test_a_secret_stands_in_a_telling_parameter_as_it_is() -> None:
    url = "http://a.test/?access_token=12345678&q=87654321&api_key={{payload.k}}#x"
    assert literals(url, {}) == {"12345678"}


def test_of_two_secrets_that_contain_each_other_nothing_is_left() -> None:
    assert without("<abcdefgh-ij>", frozenset({"abcdefgh", "abcdefgh-ij"})) == "<[hidden]>"


def test_a_url_keeps_what_is_no_secret() -> None:
    assert masked_url("http://me:pw@a.test/x?a=1&token=2#f") == (
        "http://[hidden]@a.test/x?a=1&token=[hidden]#f"
    )
    assert masked_url("http://a.test/x@y") == "http://a.test/x@y"


def test_headers_without_a_secret_are_not_copied() -> None:
    plain = {"x-a": "1"}
    assert masked_headers(plain) is plain


def test_a_secret_stands_in_a_plugins_input_under_a_telling_name_as_it_is() -> None:
    given = {
        "url": "https://shop.test/?api_key=in-the-query",
        "auth": {"type": "basic", "username": "ann-of-the-shop", "password": "hunter2-hunter2"},
        "headers": {"Authorization": "Bearer abcdefgh-1"},
        "list": [{"clientSecret": "of-the-client"}],
        "token": "{{payload.token}}",
        "apiKey": "short",
    }
    assert literals_in(given) == {
        "in-the-query",
        "hunter2-hunter2",
        "Bearer abcdefgh-1",
        "abcdefgh-1",
        "of-the-client",
    }


def test_a_plugins_call_is_shown_without_its_secrets() -> None:
    call = {"id": "http.request", "input": {"password": "hunter2-hunter2", "n": [1, "x"]}}
    shown = {"id": "http.request", "input": {"password": MASK, "n": [1, "x"]}}
    assert masked({"steps": [{"ref": "a", "plugin": call}]}) == {
        "steps": [{"ref": "a", "plugin": shown}]
    }


def test_a_document_is_shown_without_the_secrets_of_its_calls() -> None:
    source = {
        "nodes": [
            {
                "url": "http://a.test/?token=2",
                "headers": {
                    "Authorization": "Bearer x",
                    "X-Api-Key": {"value": "k"},
                    "Cookie": "{{payload.cookie}}",
                    "X-A": 1,
                },
            }
        ]
    }
    hidden = "[hidden]"
    assert masked(source) == {
        "nodes": [
            {
                "url": f"http://a.test/?token={hidden}",
                "headers": {
                    "Authorization": hidden,
                    "X-Api-Key": hidden,
                    "Cookie": "{{payload.cookie}}",
                    "X-A": 1,
                },
            }
        ]
    }
