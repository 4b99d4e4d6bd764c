"""How the platform is asked what its document allows: by the lock, and for all but streams."""

import re

from tests.fuzz.asked import LOCKED, STREAMS, arguments

from mainspring_api.app import DOCUMENTED
from mainspring_api.openapi import document


def test_only_what_does_not_end_is_not_asked_for() -> None:
    paths = document(DOCUMENTED)["paths"]
    left_out = {path for path in paths if re.search(STREAMS, path)}
    ends = {
        path
        for path in paths
        if "text/event-stream"
        not in str(paths[path].get("get", {}).get("responses", {}).get("200", {}).get("content"))
    }
    assert left_out == set(paths) - ends


def test_what_is_installed_is_locked_with_its_hashes() -> None:
    text = LOCKED.read_text()
    names = re.findall(r"^[\w.-]+==", text, re.MULTILINE)
    assert "schemathesis==" in names
    assert all("--hash=sha256:" in each for each in re.split(r"\n(?=[\w.-]+==)", text)[1:])


def test_time_is_bounded_and_nothing_is_kept_between_runs() -> None:
    told = arguments("http://peer.test", 75)
    assert "--max-time=75" in told
    assert "--generation-database=none" in told
