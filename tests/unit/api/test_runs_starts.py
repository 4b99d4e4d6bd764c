"""What starts a workflow, where whoever applied it died before it was made so."""

from typing import Any

import httpx
import pytest

from mainspring.runtime.starters import Starters

TEXT = """\
name: w
triggers: [{type: cron, schedule: "@daily"}]
steps: [{name: a, action: util.log, params: {message: x}}]
"""
PATH = "/api/v1/workflows/w"


class Died(BaseException):
    """The process is gone."""


async def crash(*_: object) -> None:
    raise Died


async def triggers(http: httpx.AsyncClient) -> list[Any]:
    return (await http.get("/api/v1/triggers")).json()


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
async def test_applying_again_makes_what_a_crash_has_left_out(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, key: dict[str, str]
) -> None:
    headers = {"Content-Type": "application/yaml", **key}
    with monkeypatch.context() as broken:
        broken.setattr(Starters, "sync", crash)
        with pytest.raises(Died):
            await http.put(PATH, content=TEXT, headers=headers)
    assert await triggers(http) == []
    answer = await http.put(PATH, content=TEXT, headers=headers)
    assert answer.json()["version"] == 1
    assert [each["config"]["cron"] for each in await triggers(http)] == ["@daily"]
    await http.put(PATH, content=TEXT, headers=headers)
    assert len(await triggers(http)) == 1
