"""Values in URLs: escaped for the part of the URL that they stand in."""

import pytest

from mainspring.domain.expression import Escape, Value, render_text

CONTEXT: dict[str, Value] = {
    "base": "http://peer:8080/v1",
    "host": "peer:8080",
    "evil": "evil.example/#",
    "id": "a/b?c",
}


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("{{base}}/things/{{id}}", "http://peer:8080/v1/things/a%2Fb%3Fc"),
        ("http://{{host}}/things", "http://peer:8080/things"),
        ("https://{{evil}}.example.com/", "https://evil.example%2F%23.example.com/"),
        ("http://peer/?q={{base}}", "http://peer/?q=http%3A%2F%2Fpeer%3A8080%2Fv1"),
    ],
)
def test_a_value_is_escaped_for_its_part_of_the_url(template: str, url: str) -> None:
    assert render_text(template, CONTEXT, Escape.URL) == url
