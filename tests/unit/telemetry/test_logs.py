"""Lines of the log: one object each, and no secret in any."""

import json
import logging
from typing import Any

import pytest

from mainspring.telemetry.logs import MASK, JsonLines, bound

SECRET = "correct-horse-battery"
FORMAT = JsonLines("scheduler", [SECRET, SECRET + "-staple", "short"])


def line(message: str, *args: object, **fields: Any) -> dict[str, Any]:
    record = logging.LogRecord("some.where", logging.WARNING, "f.py", 1, message, args, None)
    vars(record).update(fields)
    text = FORMAT.format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_says_when_where_how_grave_and_what() -> None:
    told = line("attempt %d failed", 3, step="charge")
    assert told["ts"].endswith("Z")
    assert {k: told[k] for k in ("level", "service", "logger", "msg", "step")} == {
        "level": "warning",
        "service": "scheduler",
        "logger": "some.where",
        "msg": "attempt 3 failed",
        "step": "charge",
    }


def test_no_message_can_forge_a_line() -> None:
    forged = 'ok\n{"level":"error","msg":"forged"}\r\x1b[31m'
    assert line(forged)["msg"] == forged


def test_what_is_bound_stands_on_each_line_of_its_block_alone() -> None:
    with bound(request_id="r1"), bound(execution="e1"):
        inner = line("in")
    assert (inner["request_id"], inner["execution"]) == ("r1", "e1")
    assert "request_id" not in line("out")


def test_a_known_secret_is_masked_wherever_it_stands() -> None:
    told = json.dumps(line(f"dsn {SECRET}-staple", where=[SECRET], deep={"a": {"b": SECRET}}))
    assert SECRET not in told
    assert told.count(MASK) == 3


def test_a_password_in_a_url_is_masked_also_when_nobody_knew_it() -> None:
    told = line("cannot connect to postgresql://app:swordfish@db:5432/x")
    assert "swordfish" not in told["msg"]
    assert "@db:5432/x" in told["msg"]


def test_fields_whose_names_speak_of_secrets_are_masked() -> None:
    told = line("x", Authorization="Bearer 1", set_cookie="c", api_key="k", callback_token="t")
    assert {told[k] for k in ("Authorization", "set_cookie", "api_key", "callback_token")} == {MASK}


def test_an_exception_is_told_with_its_traceback_and_without_its_secret() -> None:
    with pytest.raises(ValueError, match=SECRET) as caught:
        int(SECRET)
    told = line("failed", exc_info=(caught.type, caught.value, caught.tb))
    assert told["error"] == "ValueError"
    assert "Traceback" in told["traceback"]
    assert SECRET not in json.dumps(told)


def test_a_value_that_json_does_not_know_is_told_as_text() -> None:
    assert line("x", what=ValueError("odd"), how={1, 2})["what"] == "odd"
